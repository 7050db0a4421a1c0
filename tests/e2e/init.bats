#!/usr/bin/env bats
# `init` in real directories: what it proposes, the daemon takes.

bats_require_minimum_version 1.5.0
load helpers

setup() { sandbox_setup; }
teardown() { sandbox_teardown; }

# The keys of the targets and models of a proposal that was not written.
proposal() { dpucc-client --json init "$@" | jq -r '.lines[].text'; }

@test "init, watch, wait, get: the folders of the tutorials, boards and models apart" {
  tutorial_tree
  mkdir 'ML deployment/03 Model compilation'
  dpucc compile -x 'ML deployment/02 Model quantization/Unet_int.xmodel' -a "${BOARDS[0]}/arch.json" \
    -o 'ML deployment/03 Model compilation' -n deep_globe_segmentation_unet_512_512 >/dev/null 2>&1
  md5sum 'ML deployment/03 Model compilation'/* >"$SANDBOX/before"
  run -0 dpucc-client init --write
  [[ $output == *"Found 1 quantized model and 2 arch files."* ]]
  [[ $output == *"the same DPU as antelope"* ]]
  [[ $output == *"which was compiled from it"* ]]
  [ "$(jq -r .targets.leopard dpucc.json)" = "${BOARDS[0]}/arch.json" ]
  daemon_start
  dpucc-client watch .
  dpucc-client wait
  local net=deep_globe_segmentation_unet_512_512 board
  for board in leopard antelope; do
    [ -s "ML deployment/03 Model compilation/$board/$net.xmodel" ]
    [ -s "$(dpucc-client get "$net@$board")" ]
  done
  [ "$(dpucc-client status --json | jq '[.units[] | select(.state == "ready")] | length')" = 2 ]
  [ "$(dpucc-client status --json | jq '.warnings | length')" = 0 ]
  md5sum -c --quiet "$SANDBOX/before"
}

@test "a work folder of the tutorial" {
  mkdir -p output/03-quantize output/04-compile
  arch_b1024
  dpucc mkmodel lenet -o output/03-quantize/Unet_int.xmodel
  [ "$(proposal | jq -c .)" = '{"targets":{"b1024":"arch.json"},"models":[{"xmodel":"output/03-quantize/Unet_int.xmodel","net_name":"Unet","output_dir":"output/04-compile"}]}' ]
  [ ! -e dpucc.json ]
}

@test "many models become a pattern, which the daemon takes" {
  local i
  mkdir -p q boards own
  for i in 1 2 3 4 5 6 7 8 9 10; do dpucc mkmodel lenet --seed "$i" -o "q/m$i.xmodel"; done
  dpucc mkmodel lenet --seed 11 -o own/m1_int.xmodel
  arch_b1024 own/arch.json
  arch_b1024 boards/kv260.json
  run -0 dpucc-client init --write
  [ "$(jq -c '[.models[].xmodel]' dpucc.json)" = '["own/m1_int.xmodel","q/*.xmodel"]' ]
  [ "$(jq -c '.models[0].targets' dpucc.json)" = '["own"]' ]
  daemon_start
  dpucc-client watch .
  dpucc-client wait
  [ "$(dpucc-client status --json | jq '[.units[] | select(.state == "ready")] | length')" = 21 ]
  [ -s compiled/m10/kv260/m10.xmodel ]
  [ -s compiled/own-m1/own/own-m1.xmodel ]
}

@test "nothing is replaced unless it is asked for twice" {
  arch_b1024
  dpucc mkmodel lenet -o a_int.xmodel
  echo mine >dpucc.json
  run -0 dpucc-client init
  [[ $output == *"Not written"*"There is one already; --write --force replaces it."* ]]
  run -1 dpucc-client init --write
  [[ $output == "dpucc init: ./dpucc.json: exists; --write --force replaces it" ]]
  [ "$(cat dpucc.json)" = mine ]
  rm dpucc.json
  ln -s elsewhere dpucc.json
  run -1 dpucc-client init --write
  [ ! -e elsewhere ]
  run -0 dpucc-client init --write --force
  [ ! -L dpucc.json ]
  jq -e .targets dpucc.json
  # --json writes too, and says so
  rm dpucc.json
  [ "$(dpucc-client init --json | jq .written)" = false ]
  [ "$(dpucc-client init --json --write . | jq .written)" = true ]
  jq -e .models dpucc.json
}

# What a person types, on a terminal.
answer() { # ANSWER
  { until grep -q '\[y/N\]' "$SANDBOX/screen"; do sleep 0.05; done; printf '%s\r' "$1"; } |
    timeout 60 script -qefc 'TERM=xterm dpucc-client init' "$SANDBOX/screen" >/dev/null
}

@test "on a terminal it asks, and no is the default" {
  arch_b1024
  dpucc mkmodel lenet -o a_int.xmodel
  : >"$SANDBOX/screen"
  answer ''
  [ ! -e dpucc.json ]
  grep -q 'Not written: ./dpucc.json' "$SANDBOX/screen"
  grep -q $'\e\[2m' "$SANDBOX/screen"
  : >"$SANDBOX/screen"
  answer y
  jq -e .models dpucc.json
  grep -q 'Written: ./dpucc.json' "$SANDBOX/screen"
}

@test "what it does not understand has a name and a reason" {
  arch_b1024
  dpucc mkmodel lenet -o good_int.xmodel
  cp good_int.xmodel $'bad\nname.xmodel'
  cp good_int.xmodel 'star*.xmodel'
  head -c 100 good_int.xmodel >short.xmodel
  echo '{' >arch-broken.json
  printf 'version https://git-lfs.github.com/spec/v1\n' >lfs.xmodel
  run -0 dpucc-client init
  [[ $output == *"Not in it:"* ]]
  [[ $output == *'bad\nname.xmodel'*"rename it"* ]]
  [[ $output == *'star*.xmodel'*"rename it"* ]]
  [[ $output == *"git lfs pull"* ]]
  [[ $output == *"short.xmodel"*"arch-broken.json"* || $output == *"arch-broken.json"*"short.xmodel"* ]]
  [ "$(dpucc init --json | jq '.not_understood | length')" = 5 ]
}

@test "nothing to propose" {
  run -5 dpucc-client init
  [[ $output == *"is it the right directory?"* ]]
  dpucc mkmodel lenet -o a_int.xmodel
  run -5 dpucc-client init
  [[ $output == *"1 quantized model, but no arch file"* ]]
  rm a_int.xmodel
  arch_b1024
  # targets alone are of use: for the models that come
  [ "$(proposal | jq -c .)" = '{"targets":{"b1024":"arch.json"}}' ]
  run -1 dpucc-client init nowhere
  run -2 dpucc-client init a b
  run -2 dpucc-client init --bogus
  if [ "$(id -u)" != 0 ]; then
    chmod 500 .
    run -1 dpucc-client init --write
    [[ $output == *"dpucc.json: Permission denied"* ]]
  fi
}
