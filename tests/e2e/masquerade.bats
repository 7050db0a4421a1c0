#!/usr/bin/env bats
# dpucc-client called as vai_c_xir: that tool's arguments, log, files and habits, with a cache behind.

bats_require_minimum_version 1.5.0

load helpers

setup() {
  sandbox_setup
  arch_b1024
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  mask "$BIN"
}

teardown() { sandbox_teardown; }

# vai_c_xir is dpucc-client of that folder
mask() { # FOLDER
  mkdir -p "$SANDBOX/masquerade"
  ln -sf "$1/dpucc-client" "$SANDBOX/masquerade/vai_c_xir"
  PATH=$SANDBOX/masquerade:$PATH
}

tool() { # EXPECTED-CODE [ARG ...]
  local code=$1
  shift
  run --separate-stderr "-$code" vai_c_xir "$@"
}

configure_native() {
  configure '{"toolchains": {"native": {"kind": "native"}}}'
}

# The vendor's tool (tests/support/double-vai_c_xir), in an activated environment behind our link.
# What is asked of the double goes through to it; CALLS has a line for each time that it ran.
install_vendor_tool() {
  CALLS=$SANDBOX/calls
  configure '{"toolchains": {"native": {"kind": "native", "environment":
    ["DOUBLE_VAI_C_XIR", "DOUBLE_VAI_C_XIR_CALLS"]}}}'
  install_double "$SANDBOX/conda"
  export CONDA_PREFIX=$SANDBOX/conda DOUBLE_VAI_C_XIR_CALLS=$CALLS
  PATH=$SANDBOX/masquerade:$SANDBOX/conda/bin:$PATH
}

n_vendor_runs() {
  cat "$CALLS" 2>/dev/null | wc -l
}

# The vendor's tool in that mode fails, and so do we: 1, its log, and none of its files.
vendor_fails() { # MODE
  rm -rf out
  DOUBLE_VAI_C_XIR=$1 tool 1 -x Net_int.xmodel -a arch.json -o out -n net
  [[ $output$stderr != *"saved to"* ]]
  [[ $stderr == *"vai_c_xir (dpucc): "* ]]
  [ -z "$(find out -type f)" ]
}

delivered() { # FOLDER NET
  [ "$(md5sum "$1/$2.xmodel" | cut -d' ' -f1)" = "$(cat "$1/md5sum.txt")" ] &&
    [ "$(jq -r .filename "$1/meta.json")" = "$2.xmodel" ]
}

@test "the tutorial's command line, in a folder with spaces: files, log lines, exit code" {
  export DPUCC_TOOLCHAIN=dpucc
  mkdir -p 'ml deployment/output/03-quantize'
  cd 'ml deployment'
  cp ../Net_int.xmodel output/03-quantize/Unet_int.xmodel
  cp ../arch.json .
  tool 0 --xmodel ./output/03-quantize/Unet_int.xmodel --arch ./arch.json \
    --output_dir ./output/04-compile --net_name deep_globe
  delivered output/04-compile deep_globe
  [ "$(find output/04-compile -mindepth 1 | wc -l)" = 3 ]
  [[ $output == *"Total device subgraph number "*", DPU subgraph number "* ]]
  [[ $output == *$'\n'"The meta json is saved to \"$PWD/./output/04-compile/meta.json\""* ]]
  [[ $output == *$'\n'"The compiled xmodel is saved to \"$PWD/./output/04-compile/deep_globe.xmodel\""* ]]
  sum=$(cat output/04-compile/md5sum.txt)
  [[ $output == *"The compiled xmodel's md5sum is $sum, and has been saved to \"$PWD/./output/04-compile/md5sum.txt\""* ]]
  first=$output
  tool 0 --xmodel ./output/03-quantize/Unet_int.xmodel --arch ./arch.json \
    --output_dir ./output/04-compile --net_name deep_globe
  [ "$output" = "$first" ]
}

@test "defaults and forms of arguments" {
  export DPUCC_TOOLCHAIN=dpucc
  tool 0 -x Net_int.xmodel -a arch.json
  delivered . deploy
  tool 0 -xNet_int.xmodel -a=arch.json --out=short --net abbreviated --opt ''
  delivered short abbreviated
  tool 0 -x wrong -x Net_int.xmodel -a arch.json -o "$PWD/absolute/" -n last
  delivered absolute last
  [[ $output == *"saved to \"$PWD/absolute/last.xmodel\""* ]]
  tool 0 -h
  [[ $output == "usage: vai_c_xir"* ]]
  tool 0 --he
}

@test "wrong arguments are 1, like every failure" {
  tool 1
  [[ $stderr == *"--xmodel and --arch are needed"* ]]
  tool 1 -x Net_int.xmodel
  tool 1 -a arch.json
  tool 1 -i Net_int.xmodel -a arch.json
  tool 1 --o out -x Net_int.xmodel -a arch.json
  [[ $stderr == *"ambiguous"* ]]
  tool 1 -x Net_int.xmodel -a arch.json extra
  tool 1 -x missing.xmodel -a arch.json
  [[ $stderr == *"missing.xmodel: No such file"* ]]
  tool 1 -x Net_int.xmodel -a missing.json
  echo '{' >bad.json
  tool 1 -x Net_int.xmodel -a bad.json
  [[ $stderr == *bad.json* ]]
  echo text >text.xmodel
  tool 1 -x text.xmodel -a arch.json
  tool 1 -x Net_int.xmodel -a arch.json -n ../up
  tool 1 -x Net_int.xmodel -a arch.json -e '__import__("os").abort()'
  DPUCC_TOOLCHAIN=nonesuch tool 1 -x Net_int.xmodel -a arch.json
  [ -z "$(find . -name '*deploy*')" ]
}

@test "no file without DPU code, unless its compiler was asked for by name" {
  model_off_dpu Net_int.xmodel
  echo mine >deploy.xmodel
  tool 1 -x Net_int.xmodel -a arch.json
  [[ $stderr == *"no DPU code"*"DPUCC_TOOLCHAIN=dpucc"* ]]
  [[ $output != *"saved to"* ]]
  [ "$(cat deploy.xmodel)" = mine ]
  [ ! -e meta.json ]
  daemon_start
  tool 1 -x Net_int.xmodel -a arch.json
  DPUCC_TOOLCHAIN=dpucc tool 0 -x Net_int.xmodel -a arch.json
  [[ $stderr == *"no DPU code"* ]]
  delivered . deploy
  daemon_stop
  mkdir -p "$HOME/.config/dpucc"
  echo '{"toolchain": "dpucc"}' >"$HOME/.config/dpucc/dpuccd.json"
  tool 0 -x Net_int.xmodel -a arch.json -o configured
  delivered configured deploy
}

@test "what lies under the three names is overwritten, and nothing else" {
  export DPUCC_TOOLCHAIN=dpucc
  mkdir out
  echo old | tee out/deploy.xmodel out/meta.json out/md5sum.txt out/other.xmodel
  echo elsewhere >elsewhere
  ln -sf ../elsewhere out/meta.json
  umask 027
  tool 0 -x Net_int.xmodel -a arch.json -o out
  delivered out deploy
  [ "$(stat -c %a out/deploy.xmodel)" = 640 ]
  [ "$(cat out/other.xmodel elsewhere)" = $'old\nelsewhere' ]
  rm out/meta.json
  mkdir out/meta.json
  tool 1 -x Net_int.xmodel -a arch.json -o out
  [[ $stderr == *"meta.json is in the way"* ]]
  touch file
  tool 1 -x Net_int.xmodel -a arch.json -o file
}

@test "the model itself is not overwritten" {
  mv Net_int.xmodel Net.xmodel
  cp Net.xmodel saved
  ln -s . link
  for folder in . link "$PWD"; do
    tool 1 -x Net.xmodel -a arch.json -o "$folder" -n Net
    [[ $stderr == *"would replace the model itself"* ]]
  done
  cmp Net.xmodel saved
  [ ! -e meta.json ]
  tool 0 -x Net.xmodel -a arch.json -n Other
}

@test "build keeps what it did not deliver" {
  export DPUCC_TOOLCHAIN=dpucc
  mkdir out
  echo old >out/Net.xmodel
  run -1 dpucc-client --no-daemon build Net_int.xmodel --arch arch.json --output_dir out
  [[ $output == *"in the way"* ]]
  [ "$(cat out/Net.xmodel)" = old ]
}

@test "the daemon does it if there is one, and then it is done here if that one dies" {
  export DPUCC_TOOLCHAIN=dpucc
  gate_compiler
  mask "$SANDBOX/bin"
  daemon_start
  touch "$SANDBOX/open"
  tool 0 -x Net_int.xmodel -a arch.json
  expect_stat compiler_runs 1
  tool 0 -x Net_int.xmodel -a arch.json -n again
  expect_stat hits 1
  delivered . again

  rm "$SANDBOX/open"
  dpucc mkmodel lenet --seed 2 -o Two_int.xmodel
  vai_c_xir -x Two_int.xmodel -a arch.json -o two >out 2>err 3>&- &
  client=$!
  wait_for n_started 2
  kill -KILL "$DAEMON"
  wait_for daemon_is_gone
  touch "$SANDBOX/open"
  wait "$client"
  delivered two deploy
  grep -q 'The compiled xmodel is saved to' out
}

@test "an activated vendor tool is what is run, log and files as it makes them; once" {
  install_vendor_tool
  tool 0 -x Net_int.xmodel -a arch.json -o out -n net
  delivered out net
  dpucc check --require-dpu --arch arch.json --source Net_int.xmodel out/net.xmodel
  jq -e '.kernel | length == 1' out/meta.json
  [ "$(n_vendor_runs)" = 1 ]
  # what scripts look for, with UniLog's lines where UniLog has them
  [[ $stderr == *"[UNILOG][INFO] Total device subgraph number 3, DPU subgraph number 1"* ]]
  [[ $stderr == *"xir::Op{name = Double__softmax, type = softmax} has been assigned to CPU."* ]]
  [[ $stderr == *"The meta json is saved to \"$PWD/out/meta.json\""* ]]
  [[ $stderr == *"The compiled xmodel is saved to \"$PWD/out/net.xmodel\""* ]]
  [[ $stderr == *"The compiled xmodel's md5sum is $(cat out/md5sum.txt), and has been saved to \"$PWD/out/md5sum.txt\""* ]]
  [[ $output == *"* VITIS_AI Compilation - Xilinx Inc."* ]]
  [[ $output != *UNILOG* ]]
  vai_c_xir -x Net_int.xmodel -a arch.json -o out -n net 2>&1 | grep -q 'DPU subgraph number 1$'

  tool 0 -x Net_int.xmodel -a arch.json -o other
  delivered other deploy
  [[ $stderr == *"saved to \"$PWD/other/deploy.xmodel\""* ]]
  cmp other/deploy.xmodel out/net.xmodel
  [ "$(n_vendor_runs)" = 1 ]
}

@test "-e reaches the vendor tool as plain data, and makes another artifact" {
  install_vendor_tool
  tool 0 -x Net_int.xmodel -a arch.json -o plain
  tool 0 --xmodel Net_int.xmodel --arch arch.json -o mode --options "{'mode': 'normal', 'prefetch': 'true'}"
  delivered mode deploy
  [ "$(n_vendor_runs)" = 2 ]
  [[ $(tail -n 1 "$CALLS") == *"mode"*"normal"*"prefetch"*"true"* ]]
  # the same in another order and with other blanks is the same
  tool 0 -x Net_int.xmodel -a arch.json -o again -e "{ 'prefetch':'true', 'mode':'normal' }"
  [ "$(n_vendor_runs)" = 2 ]
  tool 1 -x Net_int.xmodel -a arch.json -o bad -e "{'plugins': 'evil'}"
  tool 1 -x Net_int.xmodel -a arch.json -o bad -e "__import__('os').system('touch $SANDBOX/evil')"
  [ "$(n_vendor_runs)" = 2 ]
  [ ! -e "$SANDBOX/evil" ]
  [ ! -e bad/deploy.xmodel ]
}

@test "a daemon that does not know the activated tool is not asked, one that is named is" {
  install_vendor_tool
  PATH=$BIN:/usr/bin:/bin daemon_start
  tool 0 -x Net_int.xmodel -a arch.json
  expect_stat asks 0
  [ "$(n_vendor_runs)" = 1 ]
  DPUCC_TOOLCHAIN=dpucc tool 0 -x Net_int.xmodel -a arch.json
  expect_stat asks 1
}

@test "the vendor tool fails, whatever its status: its log, 1, and nothing is left" {
  install_vendor_tool
  vendor_fails fatal:XCOM_DATA_OUTRANGE
  [[ $stderr == *"[UNILOG][FATAL][XCOM_DATA_OUTRANGE]"* ]]
  # status 0, all of them
  vendor_fails fatal-exit-0
  [[ $stderr == *"[UNILOG][FATAL][XCOM_PM_FAIL]"* ]]
  vendor_fails nothing
  [[ $output == *"VITIS_AI Compilation"* ]]
  vendor_fails traceback
  [[ $output$stderr == *"KeyError: 'shape'"* ]]
}

@test "the vendor tool's file is not right: 1, and nothing is left" {
  install_vendor_tool
  vendor_fails no-dpu
  [[ $stderr == *"DPU"* ]]
  vendor_fails wrong-fingerprint
  [[ $stderr == *"0x101000056010407"* ]]
  vendor_fails wrong-md5
  vendor_fails truncated
  # what was there before stays as it was
  tool 0 -x Net_int.xmodel -a arch.json -o out -n net
  before=$(md5sum out/*)
  DOUBLE_VAI_C_XIR=no-dpu tool 1 -x Net_int.xmodel -a arch.json -o out -n net
  [ "$(md5sum out/*)" = "$before" ]
}

@test "the vendor tool at once for many: once for what is equal, each with its log and files" {
  install_vendor_tool
  cp arch.json antelope.json
  echo '{"fingerprint":"0x101000056010407"}' >kria.json
  local pids=() i board pid
  for i in 1 2 3; do
    for board in arch antelope kria; do
      vai_c_xir -x Net_int.xmodel -a $board.json -o "out $board $i" -n "net$i" >"log.$board.$i" 2>&1 3>&- &
      pids+=($!)
    done
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  [ "$(n_vendor_runs)" = 2 ]
  for i in 1 2 3; do
    for board in arch antelope kria; do
      delivered "out $board $i" "net$i"
      dpucc check --require-dpu --arch $board.json "out $board $i/net$i.xmodel"
      grep -qF "The compiled xmodel is saved to \"$PWD/out $board $i/net$i.xmodel\"" "log.$board.$i"
      grep -q 'DPU subgraph number 1' "log.$board.$i"
    done
  done
  no_jobs_left
}

@test "it never takes itself for the vendor tool" {
  configure_native
  mkdir "$SANDBOX/second"
  ln -s "$BIN/dpucc-client" "$SANDBOX/second/vai_c_xir"
  PATH=$SANDBOX/second:$PATH tool 0 -x Net_int.xmodel -a arch.json
  [ "$(jq -r .compiler.dpucc report.json)" != null ]

  # neither by another name, behind a script
  mkdir "$SANDBOX/script"
  printf '#!/bin/sh\nexec "%s" "$@"\n' "$SANDBOX/masquerade/vai_c_xir" >"$SANDBOX/script/vai_c_xir"
  chmod +x "$SANDBOX/script/vai_c_xir"
  PATH=$SANDBOX/script:$PATH tool 1 -x Net_int.xmodel -a arch.json
  [[ $output$stderr == *"called as a compiler by dpucc itself"* ]]
}

@test "make -j4: four rules for one model compile it once, four models once each" {
  export DPUCC_TOOLCHAIN=dpucc
  gate_compiler
  mask "$SANDBOX/bin"
  touch "$SANDBOX/open"
  local seed
  for seed in 1 2 3 4; do dpucc mkmodel lenet --seed $seed -o "m$seed.xmodel"; done
  cat >Makefile <<'MAKE'
same: $(foreach i,1 2 3 4,same$i/deploy.xmodel)
different: $(foreach i,1 2 3 4,different$i/net$i.xmodel)
same%/deploy.xmodel: m1.xmodel arch.json
	vai_c_xir --xmodel $< --arch arch.json --output_dir $(@D)
different1/%.xmodel different2/%.xmodel different3/%.xmodel different4/%.xmodel: arch.json
	vai_c_xir -x m$(*:net%=%).xmodel -a arch.json -o $(@D) -n $*
MAKE
  make -j4 same >log 2>&1
  [ "$(wc -l <"$SANDBOX/started")" = 1 ]
  [ "$(grep -c 'The compiled xmodel is saved to' log)" = 4 ]
  for i in 1 2 3 4; do delivered same$i deploy; done
  make -j4 different
  [ "$(wc -l <"$SANDBOX/started")" = 4 ]
  for i in 1 2 3 4; do
    delivered different$i net$i
    dpucc check --source m$i.xmodel different$i/net$i.xmodel
  done
}

@test "no daemon, and a cache that cannot be written: compiled all the same" {
  export DPUCC_TOOLCHAIN=dpucc DPUCC_CACHE_DIR=/proc/dpucc XDG_STATE_HOME=/proc/dpucc
  tool 0 -x Net_int.xmodel -a arch.json -o out
  delivered out deploy
  [[ $output == *"The compiled xmodel is saved to"* ]]
  tool 0 -x Net_int.xmodel -a arch.json -o out
}

# docs/MASQUERADE.md: the recipe for a container. Another mount namespace, in which the folder of
# the model has another path, and that path means something else to the daemon.
@test "in a container, with the daemon's socket: descriptors go across" {
  unshare -Urm true || skip "no user namespaces here"
  export DPUCC_TOOLCHAIN=dpucc
  daemon_start
  mkdir "$SANDBOX/inside"
  echo decoy >"$SANDBOX/inside/Net_int.xmodel"
  unshare -Urm bash -ec '
    mount --bind "$1" "$2"
    cd "$2"
    vai_c_xir --xmodel Net_int.xmodel --arch arch.json --output_dir out/deep --net_name net
    dpucc-client build Net_int.xmodel --arch arch.json --output_dir built
    dpucc-client get -o copy.xmodel --arch arch.json Net_int.xmodel
  ' bash "$WORK" "$SANDBOX/inside" >log 2>&1
  grep -qF "The compiled xmodel is saved to \"$SANDBOX/inside/out/deep/net.xmodel\"" log
  expect_stat compiler_runs 1
  delivered "$WORK/out/deep" net
  cmp built/Net.xmodel out/deep/net.xmodel
  cmp copy.xmodel out/deep/net.xmodel
  [ "$(ls "$SANDBOX/inside")" = Net_int.xmodel ]
  [ "$(cat "$SANDBOX/inside/Net_int.xmodel")" = decoy ]
}
