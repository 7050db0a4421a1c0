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

# The vendor's tool, behind our link on PATH: a double, whose outputs a double of dpucc checks.
install_vendor_tool() {
  mkdir -p "$SANDBOX/programs/control" "$SANDBOX/conda/bin/control"
  configure_native
  cp "$BIN/dpuccd" "$BIN/dpucc-client" "$SANDBOX/programs/"
  cp "$SOURCE/tests/support/double-dpucc.sh" "$SANDBOX/programs/dpucc"
  cp "$SOURCE/tests/support/double-dpucc.sh" "$SANDBOX/conda/bin/vai_c_xir"
  PATH=$SANDBOX/programs:$SANDBOX/conda/bin:$PATH
  mask "$SANDBOX/programs"
}

n_vendor_runs() {
  cat "$SANDBOX/conda/bin/control/started" 2>/dev/null | wc -l
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
  [[ $output == *"The compiled xmodel is saved to \"$PWD/out/net.xmodel\""* ]]
  [ "$(n_vendor_runs)" = 1 ]
  tool 0 -x Net_int.xmodel -a arch.json -o other
  delivered other deploy
  [ "$(n_vendor_runs)" = 1 ]
}

@test "a daemon that does not know the activated tool is not asked, one that is named is" {
  install_vendor_tool
  PATH=$SANDBOX/programs:/usr/bin:/bin daemon_start
  tool 0 -x Net_int.xmodel -a arch.json
  expect_stat asks 0
  [ "$(n_vendor_runs)" = 1 ]
  DPUCC_TOOLCHAIN=dpucc tool 0 -x Net_int.xmodel -a arch.json
  expect_stat asks 1
}

@test "the vendor tool fails: its log, and 1 although it may say 0; nothing is left" {
  install_vendor_tool
  echo fail >"$SANDBOX/conda/bin/control/mode"
  tool 1 -x Net_int.xmodel -a arch.json -o out
  [[ $output == *"this model is beyond me"* ]]
  [[ $stderr == *"vai_c_xir (dpucc): "* ]]
  echo no-output >"$SANDBOX/conda/bin/control/mode"
  dpucc-client --no-daemon list
  "$BIN/dpucc" mkmodel lenet --seed 2 -o Net_int.xmodel
  tool 1 -x Net_int.xmodel -a arch.json -o out
  [[ $output == *"Compile done."* ]]
  [ -z "$(find out -type f)" ]
}

@test "it never takes itself for the vendor tool" {
  configure_native
  mkdir "$SANDBOX/second"
  ln -s "$BIN/dpucc-client" "$SANDBOX/second/vai_c_xir"
  PATH=$SANDBOX/second:$PATH tool 1 -x Net_int.xmodel -a arch.json
  [[ $stderr == *"no DPU code"* ]]

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
