#!/usr/bin/env bats
# The vendor's compiler as a program of this machine; its place is taken by
# tests/support/double-vai_c_xir, in what looks like a conda environment.

load helpers

bats_require_minimum_version 1.5.0

setup() {
  sandbox_setup
  PREFIX="$SANDBOX/conda root/envs/vitis-ai-wego-torch2"
  install_double "$PREFIX"
  configure "$(jq -n --arg conda "$PREFIX" '{
    toolchain: "vitis",
    toolchains: {vitis: {kind: "native", conda: $conda, environment: ["DOUBLE_VAI_C_XIR"]}}}')"
}

teardown() { sandbox_teardown; }

# A model and its arch.json in the folders of the tutorial, blanks and all.
tutorial() { # BOARD
  PROJECT="$WORK/$1/Zero to hero"
  mkdir -p "$PROJECT/output/03-quantize"
  cd "$PROJECT"
  dpucc mkmodel lenet --seed 3 -o output/03-quantize/Unet_int.xmodel
  arch_b1024
}

NET=deep_globe_segmentation_unet_512_512

build() {
  dpucc-client build ./output/03-quantize/Unet_int.xmodel --arch ./arch.json \
    --output_dir ./output/04-compile --net_name $NET
}

# The view of the only artifact there is; its key.
view() { echo "$CACHE"/views/*/$NET; }
key() { basename "$(dirname "$(view)")"; }

# Runs a compile that must fail with 4, in mode $1; $2 is part of the diagnosis.
fails_with() {
  export DOUBLE_VAI_C_XIR=$1
  tutorial leopard
  daemon_start
  run --separate-stderr build
  echo "$stderr"
  [ "$status" -eq 4 ]
  [[ $stderr == *"$2"* ]]
  [ ! -e "output/04-compile/$NET.xmodel" ]
  # it was told, and is remembered
  run --separate-stderr build
  [ "$status" -eq 4 ]
  expect_stat compiler_runs 1
}

@test "the tutorial's command, for both boards: one compile, delivered twice" {
  daemon_start
  for board in leopard antelope; do
    tutorial "$board"
    build
    [ "$(md5sum <"output/04-compile/$NET.xmodel" | cut -c1-32)" = "$(cat output/04-compile/md5sum.txt)" ]
    [ "$(jq -r .filename output/04-compile/meta.json)" = $NET.xmodel ]
    dpucc check --require-dpu --arch arch.json "output/04-compile/$NET.xmodel"
  done
  expect_stat compiler_runs 1
}

# KP Labs' tutorials, word for word: the folders of their repository, the arch.json of each board
# where it is in there, the activated environment, the command. Only PATH is not: our link is first.
@test "the tutorial's command line, verbatim, as vai_c_xir, for Leopard and Antelope" {
  mkdir "$SANDBOX/masquerade"
  ln -s "$BIN/dpucc-client" "$SANDBOX/masquerade/vai_c_xir"
  configure '{"toolchains": {"native": {"kind": "native",
    "environment": ["DOUBLE_VAI_C_XIR_CALLS"]}}}'
  tutorial_tree
  # conda activate vitis-ai-wego-torch2
  export CONDA_PREFIX=$PREFIX PATH=$SANDBOX/masquerade:$PREFIX/bin:$PATH DOUBLE_VAI_C_XIR_CALLS=$SANDBOX/calls
  for_each_board as_in_the_tutorial
  [ "$(wc -l <"$SANDBOX/calls")" = 1 ]
}

@test "the log is kept as it came, under the net's own name" {
  export DOUBLE_VAI_C_XIR=noise
  tutorial leopard
  daemon_start
  build
  dpucc-client log "$(key)" >log
  grep -aq 'DPU subgraph number 1' log
  grep -aq $'\e\[0;33m' log
  grep -aq "saved to \"./out/$NET.xmodel\"" "$(view)/compile.log"
}

@test "a log without end is cut in the middle" {
  export DOUBLE_VAI_C_XIR=huge-log
  tutorial leopard
  daemon_start
  build
  dpucc-client log "$(key)" >log
  [ "$(wc -c <log)" -lt 2000000 ]
  grep -q 'bytes left out' log
  grep -aq 'Begin to compile' log
  grep -q 'DPU subgraph number 1' log
}

@test "status 0 and no output is a failure" { fails_with nothing "wrote no .xmodel"; }
@test "status 0 after a fatal line is a failure" { fails_with fatal-exit-0 ""; }
@test "an abort after a fatal line is a failure" { fails_with fatal:XCOM_DATA_OUTRANGE "compiler"; }
@test "a traceback is a failure" { fails_with traceback ""; }
@test "code for another DPU is a failure" { fails_with wrong-fingerprint "compiled for 0x101000056010407, the board has 0x101000056010402"; }
@test "no DPU code is a failure" { fails_with no-dpu "DPU"; }
@test "a wrong md5sum.txt is a failure" { fails_with wrong-md5 "md5sum"; }
@test "half a file is a failure" { fails_with truncated ""; }

@test "a compile that hangs is ended by its time limit" {
  export DOUBLE_VAI_C_XIR=hang
  configure "$(jq -n --arg conda "$PREFIX" '{
    toolchain: "vitis",
    toolchains: {vitis: {kind: "native", conda: $conda, environment: ["DOUBLE_VAI_C_XIR"],
                         launcher: ["nice", "-n", "5"], time_limit_s: 1}}}')"
  tutorial leopard
  daemon_start
  run --separate-stderr build
  [ "$status" -eq 1 ]
  [[ $stderr == *"time limit"* ]]
  wait_for no_compiler_runs
}

@test "a library that is updated makes another compiler" {
  tutorial leopard
  daemon_start
  build
  echo 'version 2' >"$PREFIX/lib/libxcompiler-core.so"
  build
  expect_stat compiler_runs 2
}

@test "an environment that is not there is told with the remedy, and nothing else is used" {
  configure '{"toolchain": "vitis",
    "toolchains": {"vitis": {"kind": "native", "conda": "nobody-made-this"}}}'
  tutorial leopard
  daemon_start
  run --separate-stderr build
  [ "$status" -eq 1 ]
  [[ $stderr == *"no conda environment 'nobody-made-this'"* ]]
  expect_stat compiler_runs 0
}

@test "auto takes what is installed, and keeps to it" {
  configure '{}'
  tutorial leopard
  PATH="$PREFIX/bin:$PATH" daemon_start
  dpucc-client watch "$PROJECT"
  dpucc-client wait --all
  dpucc-client list --json >list
  grep -q '"toolchain": *"native"' list
  daemon_stop
  # the environment is gone: an error, not another compiler
  daemon_start
  run --separate-stderr dpucc-client get --wait output/03-quantize/Unet_int.xmodel
  [ "$status" -ne 0 ]
  [[ $stderr == *"vai_c_xir"* ]]
}

# What the compiler's packages need besides is in no key: it is there or not.
@test "what was missing in the environment is no failure of the model" {
  mv "$PREFIX/bin/vai_c_xir" "$PREFIX/bin/double"
  cat >"$PREFIX/bin/vai_c_xir" <<'XIR'
#!/usr/bin/env bash
here=$(dirname "$0")
if [ ! -e "$here/../lib/numpy.py" ]; then
  echo 'Traceback (most recent call last):' >&2
  echo "ModuleNotFoundError: No module named 'numpy'" >&2
  exit 1
fi
exec "$here/double" "$@"
XIR
  chmod +x "$PREFIX/bin/vai_c_xir"
  tutorial leopard
  daemon_start
  run --separate-stderr build
  [ "$status" -eq 1 ]
  [[ $stderr == *"not complete: ModuleNotFoundError: No module named 'numpy'"* ]]
  touch "$PREFIX/lib/numpy.py"
  run --separate-stderr build
  [ "$status" -eq 0 ]
}

# What srun prints, and how it ends (Slurm 22.05): the status of a job whose node fails is 0.
@test "a node of a cluster that fails is no failure of the model" {
  mkdir "$SANDBOX/cluster"
  cat >"$SANDBOX/cluster/srun" <<'SRUN'
#!/usr/bin/env bash
if [ "$1" != /bin/sh ] && rm "$(dirname "$0")/fails" 2>/dev/null; then
  echo 'srun: error: Node failure on n1' >&2
  exit 0
fi
exec "$@"
SRUN
  chmod +x "$SANDBOX/cluster/srun"
  touch "$SANDBOX/cluster/fails"
  configure "$(jq -n --arg conda "$PREFIX" --arg srun "$SANDBOX/cluster/srun" '{
    toolchain: "cluster",
    toolchains: {cluster: {kind: "native", conda: $conda, launcher: [$srun]}}}')"
  tutorial leopard
  daemon_start
  run --separate-stderr build
  echo "$stderr"
  [ "$status" -eq 0 ] || [[ $stderr == *"the machine that it ran on failed"* ]]
  run --separate-stderr build
  [ "$status" -eq 0 ]
  [ ! -e "$SANDBOX/cluster/fails" ]
  dpucc check --require-dpu --arch arch.json output/04-compile/$NET.xmodel
}

# A cluster that is busy answers late: its queue is part of the question.
@test "a daemon that stops does not wait for another machine, and takes its question back" {
  mkdir "$SANDBOX/cluster"
  cat >"$SANDBOX/cluster/srun" <<SRUN
#!/usr/bin/env bash
trap 'touch "$SANDBOX/taken-back"; exit 1' TERM
touch "$SANDBOX/asked"
sleep 100000 &
wait
SRUN
  chmod +x "$SANDBOX/cluster/srun"
  configure "$(jq -n --arg conda "$PREFIX" --arg srun "$SANDBOX/cluster/srun" '{
    toolchain: "cluster",
    toolchains: {cluster: {kind: "native", conda: $conda, launcher: [$srun]}}}')"
  tutorial leopard
  daemon_start
  build >/dev/null 2>&1 3>&- &
  wait_for test -e "$SANDBOX/asked"
  kill -TERM "$DAEMON"
  wait_for test -e "$SANDBOX/taken-back"
  wait_for daemon_is_gone
  DAEMON=
}
