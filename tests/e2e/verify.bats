#!/usr/bin/env bats
# `dpucc run` and `dpucc verify`: models evaluated by the definition of their ops.

bats_require_minimum_version 1.5.0

load helpers

setup() { sandbox_setup; }

teardown() { sandbox_teardown; }

raw_outputs() { # DIR: one digest of all raw elements in it
  cat "$1"/*.bin | sha256sum | cut -d' ' -f1
}

@test "run writes what a model makes of its inputs, the same everywhere" {
  dpucc mkmodel lenet --seed 1 -o q.xmodel
  run -0 dpucc run --seed 7 -o out q.xmodel
  [ -f "$output" ]
  head -c 6 "$output" | grep -q NUMPY
  dpucc run --seed 7 --raw -o raw q.xmodel
  cmp <(tail -c 40 out/*.npy) raw/*.bin
  [ "$(raw_outputs raw)" = f6c7a7a4ea5c6234ce5605b534852b356cb54ce50be545138b91288cd3484651 ]
}

@test "run takes inputs as .npy, as raw int8 and as raw float32" {
  dpucc mkmodel lenet --seed 1 -o q.xmodel
  head -c 784 /dev/zero >zeros
  head -c 3136 /dev/zero >floats
  printf "\x93NUMPY\x01\x00\x46\x00%-69s\n" \
    "{'descr': '|i1', 'fortran_order': False, 'shape': (1, 28, 28, 1), }" >zeros.npy
  cat zeros >>zeros.npy
  name=$(dpucc inspect --json q.xmodel | jq -r '.inputs[0].tensor')
  for input in zeros.npy "$name=floats" "$name=zeros.npy"; do
    dpucc run --raw --input "$input" -o "out$((++n))" q.xmodel
  done
  [ "$(raw_outputs out1)" = "$(raw_outputs out2)" ]
  [ "$(raw_outputs out1)" = "$(raw_outputs out3)" ]

  head -c 783 zeros >short
  run -1 dpucc run --input short -o x q.xmodel
  [[ $output == *"short: the input has 784 elements"* ]]
  run -1 dpucc run --input other=zeros -o x q.xmodel
  [[ $output == *"no file for input"* ]]
  run -1 dpucc run --input "$name=floats" --input other=zeros -o x q.xmodel
  [[ $output == *"there is no input other"* ]]
}

@test "programs of the vendor's compiler compute what their graphs say, in every order" {
  need_corpus
  run -0 dpucc verify --json --inputs all --orders 3 "$CORPUS/compiled/mnist-cnn.B4096.xmodel"
  [ "$(jq -c '[.code[] | [.inputs, .runs, .outputs_different, .tensors_different]]' <<<"$output")" = \
    '[["random",4,0,0],["natural",4,0,0],["ramp",4,0,0],["max",4,0,0],["min",4,0,0]]' ]

  run -0 "$SOURCE/scripts/verify-corpus" --quick "$CORPUS"
  [[ $output == *"12 right, 0 wrong, 0 failed, 2 left out"* ]]
}

damaged() { # MODEL AT BYTE -> damaged.xmodel
  cp "$1" damaged.xmodel
  chmod u+w damaged.xmodel
  printf "$3" | dd of=damaged.xmodel bs=1 seek="$2" conv=notrunc status=none
}

@test "verify finds an instruction that was changed, and a token that was removed" {
  need_corpus
  model=$CORPUS/compiled/mnist-cnn.B4096.xmodel
  at=$(LC_ALL=C grep -obUaP 'mc_code\x12[\x80-\xff]' "$model" | cut -d: -f1)
  [ -n "$at" ]
  code=$((at + 16)) # behind the key and the lengths

  damaged "$model" $((code + 0x14 + 1)) '\x18' # the first CONVINIT: shift_cut is 7
  run -8 dpucc verify damaged.xmodel
  [[ $output == *"0 of 1 outputs of the code are those of the graph"* ]]
  [[ $output == *"differs: CNN__CNN_Sequential_network__Conv2d_9__input (conv2d-fix)"* ]]
  run -8 dpucc verify --json damaged.xmodel
  [ "$(jq -r '.ok, .code[0].first.type' <<<"$output" | xargs)" = "false conv2d-fix" ]

  dpucc run --raw -o graph --by-graph damaged.xmodel
  dpucc run --raw -o code damaged.xmodel
  run -1 cmp graph/*.bin code/*.bin

  damaged "$model" $((code + 0x2cc + 3)) '\x84' # CONV: waits for LOAD no more
  run -8 dpucc verify damaged.xmodel
  [[ $output == *"stopped: "* ]]
  run -1 dpucc run -o x damaged.xmodel
  [[ $output == *"no token orders the two"* ]]
}

@test "run simulates the code of a compiled model: the same as its graph, and as its source" {
  need_corpus
  for model in zerodce mnist-cnn; do
    dpucc run --seed 3 --raw -o code "$CORPUS/compiled/$model.B4096.xmodel"
    dpucc run --seed 3 --raw -o graph --by-graph "$CORPUS/compiled/$model.B4096.xmodel"
    cmp code/*.bin graph/*.bin
    [ "$model" = zerodce ] || dpucc run --seed 3 --raw -o source "$CORPUS/quantized/$model.xmodel"
    [ "$model" = zerodce ] || cmp code/*.bin source/*.bin
    rm -r code graph
  done
  run -1 dpucc run -o x "$CORPUS/compiled/mnist-cnn.U50.xmodel"
  [[ $output == *"only DPUCZDX8G with ISA 1 is understood"* ]]
  run -1 dpucc run -o x "$CORPUS/compiled/tf2-custom-op.B4096-3.0.xmodel"
  [[ $output == *"custom_layer (Mylayer): there is no definition of this op"* ]]
}

@test "a compiled model computes what its source does" {
  need_corpus
  run -0 dpucc verify --inputs all --source "$CORPUS/quantized/mnist-cnn.xmodel" \
    "$CORPUS/compiled/mnist-cnn.B4096.xmodel"
  [ "$(grep -c '5 of 5 tensors and 1 of 1 outputs are those of the source' <<<"$output")" -eq 5 ]
  [ "$(grep -c '1 of 1 outputs of the code are those of the graph' <<<"$output")" -eq 5 ]
}

@test "verify names the one layer in which the vendor changed the arithmetic" {
  need_corpus
  run -8 dpucc verify --json --source "$CORPUS/quantized/zerodce.xmodel" \
    "$CORPUS/compiled/zerodce.B4096.xmodel"
  [ "$(jq -r '.ok' <<<"$output")" = false ]
  [ "$(jq -r '.source[0].tensors' <<<"$output")" -eq 25 ]
  [ "$(jq -c '[.source[0].differences[].type]' <<<"$output")" = '["downsample-fix"]' ]
}

@test "verify finds a weight that was changed" {
  need_corpus
  # the one entry of REG_0 with a long value: constants, behind a page of biases the weights
  at=$(LC_ALL=C grep -obUaP 'REG_0\x12[\x80-\xff]' "$CORPUS/compiled/mnist-cnn.B4096.xmodel" |
    cut -d: -f1)
  [ -n "$at" ]
  damaged "$CORPUS/compiled/mnist-cnn.B4096.xmodel" $((at + 13 + 4096)) '\x55'
  run -8 dpucc verify --source "$CORPUS/quantized/mnist-cnn.xmodel" damaged.xmodel
  [[ $output == *"differs: "*"conv2d-fix"* ]]
  [[ $output == *"0 of 1 outputs"* ]]
}

@test "graphs for other DPUs compute what their sources do" {
  need_corpus
  for pair in cifar-resnet20.VCK190:33 mnist-cnn.VCK190:5 mnist-cnn.U50:5; do
    model=${pair%:*}
    run -0 dpucc verify --source "$CORPUS/quantized/${model%%.*}.xmodel" \
      "$CORPUS/compiled/$model.xmodel"
    [[ $output == *"code is not simulated: "*"constants are the source's"* ]]
    [[ $output == *"${pair#*:} of ${pair#*:} tensors and 1 of 1 outputs are those of the source"* ]]
  done
  run -0 dpucc verify --json --source "$CORPUS/quantized/mnist-cnn.xmodel" \
    "$CORPUS/compiled/mnist-cnn.U50.xmodel"
  [[ $(jq -r '.code_left_out' <<<"$output") == *"only DPUCZDX8G with ISA 1 is understood"* ]]
}

@test "verify refuses what it cannot judge" {
  need_corpus
  run -1 dpucc verify "$CORPUS/compiled/mnist-cnn.VCK190.xmodel"
  [[ $output == *"only DPUCZDX8G with ISA 1 is understood"* ]]
  run -1 dpucc verify --source "$CORPUS/compiled/mnist-cnn.VCK190.xmodel" \
    "$CORPUS/compiled/mnist-cnn.B4096.xmodel"
  [[ $output == *"compiled, not quantized"* ]]
  run -2 dpucc verify --inputs max --inputs "$CORPUS/README.md" --source a b
}
