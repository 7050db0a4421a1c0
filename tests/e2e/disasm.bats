#!/usr/bin/env bats
# `dpucc disasm` and `dpucc profile`: the programs of real compiled models, and what they take.

bats_require_minimum_version 1.5.0

load helpers

setup() {
  sandbox_setup
  need_corpus
  MODEL=$CORPUS/compiled/tf2-custom-op.B4096-3.0.xmodel
}

teardown() { sandbox_teardown; }

@test "disasm prints all subgraphs, or one" {
  dpucc disasm "$MODEL" >all
  [ "$(grep -c '^subgraph ' all)" = 2 ]
  [ "$(grep -c '  END ' all)" = 2 ]
  dpucc disasm --subgraph 1 "$MODEL" >second
  cmp second <(sed -n '/quant_dense/,$p' all)
  grep -qE '^000000  [A-Z]+ ' second
  run -1 dpucc disasm --subgraph 2 "$MODEL"
  [[ $output == *"has 2 DPU subgraphs, from 0"* ]]
  run -2 dpucc disasm --subgraph one "$MODEL"
}

@test "disasm --json has every field of the same instructions" {
  dpucc disasm --subgraph 0 "$MODEL" | grep -cE '^[0-9a-f]{6}  ' >lines
  dpucc disasm --json --subgraph 0 "$MODEL" >code.json
  [ "$(jq '.[0].instructions | length' code.json)" = "$(cat lines)" ]
  [ "$(jq -r '.[0].instructions[-1].name' code.json)" = END ]
  jq -e '.[0].instructions[] | select(.name == "LOAD") | .fields.ddr_addr >= 0' code.json >/dev/null
}

@test "profile counts, and estimates between two assumptions" {
  run -0 dpucc profile --layers "$MODEL"
  [[ $output == *"optimistic   9588 cycles"* && $output == *"pessimistic  29892 cycles"* ]]
  [[ $output == *quant_conv2d_2* ]]
  dpucc profile --json --clock 100 "$MODEL" >profile.json
  [ "$(jq '.[0].optimistic.milliseconds * 100000 | round' profile.json)" = 9588 ]
  [ "$(jq '[.[0].layers[].multiplications] | add' profile.json)" = "$(jq '.[0].multiplications' profile.json)" ]
  run -2 dpucc profile --clock 0 "$MODEL"
}

@test "what is for another DPU, or for none, is said" {
  for command in disasm profile; do
    run -1 dpucc $command "$CORPUS/compiled/mnist-cnn.U50.xmodel"
    [[ $output == *"DPUCAHX8H_ISA2; only DPUCZDX8G with ISA 1 is understood"* ]]
    run -1 dpucc $command "$CORPUS/quantized/mnist-cnn.xmodel"
    [[ $output == *"not a compiled model"* ]]
    run -1 dpucc $command missing.xmodel
    [[ $output == *missing.xmodel* ]]
  done
}
