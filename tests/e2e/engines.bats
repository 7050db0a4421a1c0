#!/usr/bin/env bats
# Container toolchains, their engine a double (tests/support/double-docker.sh), for what a real one
# does not do on demand. container.bats has the real ones.

load helpers

bats_require_minimum_version 1.5.0

ID_1=1111111111111111111111111111111111111111111111111111111111111111
ID_2=2222222222222222222222222222222222222222222222222222222222222222

setup() {
  sandbox_setup
  ENGINE="$SANDBOX/an engine"
  install_double "$ENGINE/control"
  mkdir "$ENGINE/control/images"
  cp "$TEST_SUPPORT/double-docker.sh" "$ENGINE/docker"
  tag $ID_1
  container '{}'
  cd "$WORK" || return 1
  dpucc mkmodel lenet --seed 3 -o Net_int.xmodel
  arch_b1024
}

teardown() { sandbox_teardown; }

tag() { echo "sha256:$1" >"$ENGINE/control/images/vendor%vitis:3.5"; }

container() { # MORE SETTINGS
  configure "$(jq -n --arg path "$ENGINE/docker" --argjson more "$1" '{
    toolchain: "box",
    toolchains: {box: ({kind: "container", engine: "docker", path: $path,
                        image: "vendor/vitis:3.5", environment: ["DOUBLE_VAI_C_XIR"]} + $more)}}')"
}

get() {
  run --separate-stderr dpucc-client get --wait Net_int.xmodel
  echo "${stderr:-}"
}

containers() { find "$ENGINE/control/containers" -mindepth 1 -maxdepth 1 | wc -l; }
has_containers() { [ "$(containers)" -eq "$1" ]; }

@test "a compile in a container; nothing of it stays" {
  daemon_start
  get
  [ "$status" -eq 0 ]
  dpucc check --require-dpu --arch arch.json "$output"
  [ "$(containers)" -eq 0 ]
  expect_stat compiler_runs 1
}

# The tutorial runs its command inside `docker run IMAGE`; here it is run outside, by the same words,
# and the compiler is in the image. native.bats has it in an activated environment.
@test "the tutorial's command line, verbatim, as vai_c_xir, for Leopard and Antelope" {
  mkdir -p "$SANDBOX/masquerade" "$SANDBOX/conda/etc/profile.d" "$SANDBOX/conda/envs/vitis-ai-wego-torch2"
  ln -s "$BIN/dpucc-client" "$SANDBOX/masquerade/vai_c_xir"
  # in this image the tool is in its environment only
  mv "$ENGINE/control/bin" "$SANDBOX/conda/envs/vitis-ai-wego-torch2/bin"
  mkdir "$ENGINE/control/bin"
  cat >"$SANDBOX/conda/etc/profile.d/conda.sh" <<CONDA
conda() { [ "\$1" = activate ] && [ -d "$SANDBOX/conda/envs/\$2" ] && PATH=$SANDBOX/conda/envs/\$2/bin:\$PATH; }
CONDA
  container "$(jq -n --arg root "$SANDBOX/conda" '{conda: "vitis-ai-wego-torch2", conda_root: $root}')"
  PATH=$SANDBOX/masquerade:$PATH
  tutorial_tree
  # without a daemon, then with one, which has it already
  for_each_board as_in_the_tutorial
  daemon_start
  rm -r "sml tutorials"
  for_each_board as_in_the_tutorial
  expect_stat compiler_runs 0
  expect_stat hits 2
  [ "$(containers)" -eq 0 ]
  [ "$(grep -c '^run .*--name dpucc-' "$ENGINE/control/asked")" = 1 ]
}

@test "the image is in the key: a moved tag is another compiler, and the way back a hit" {
  daemon_start
  get
  first=$output
  daemon_stop
  tag $ID_2
  daemon_start
  get
  [ "$output" != "$first" ]
  expect_stat compiler_runs 1
  daemon_stop
  tag $ID_1
  daemon_start
  get
  [ "$output" = "$first" ]
  expect_stat compiler_runs 0
}

@test "a tag that moves during the compile: what was made is not kept under the old key" {
  # the compiler itself moves the tag, once
  cat >"$ENGINE/control/bin/mover" <<MOVER
#!/bin/bash
[ -e "$SANDBOX/moved" ] || { touch "$SANDBOX/moved" && echo sha256:$ID_2 >"$ENGINE/control/images/vendor%vitis:3.5"; }
exec "$ENGINE/control/bin/vendor_vai_c_xir" "\$@"
MOVER
  mv "$ENGINE/control/bin/vai_c_xir" "$ENGINE/control/bin/vendor_vai_c_xir"
  mv "$ENGINE/control/bin/mover" "$ENGINE/control/bin/vai_c_xir"
  chmod +x "$ENGINE/control/bin/vai_c_xir"
  daemon_start
  get
  [ "$status" -eq 0 ]
  expect_stat compiler_runs 2
  expect_stat jobs_stale 1
  run -0 dpucc-client list --json
  [ "$(grep -o '"key": *"' <<<"$output" | wc -l)" -eq 1 ]
}

@test "an engine that is down, and an image that is missing, are told with the remedy" {
  touch "$ENGINE/control/down"
  daemon_start
  get
  [ "$status" -eq 1 ]
  [[ $stderr == *"docker does not answer"*"systemctl start docker"* ]]
  rm "$ENGINE/control/down" "$ENGINE/control/images/vendor%vitis:3.5"
  get
  [ "$status" -eq 1 ]
  [[ $stderr == *"docker pull vendor/vitis:3.5"* ]]
  expect_stat compiler_runs 0
  tag $ID_1
  get
  [ "$status" -eq 0 ]
}

@test "auto chooses nothing while an engine is down, then the container, and keeps to it" {
  configure "$(jq -n --arg path "$ENGINE/docker" '{toolchains: {container:
    {kind: "container", engine: "docker", path: $path, image: ["no/such:1", "vendor/vitis:3.5"]}}}')"
  touch "$ENGINE/control/down"
  daemon_start
  dpucc-client watch .
  get
  [ "$status" -eq 1 ]
  [[ $stderr == *'"auto" cannot choose'* ]]
  rm "$ENGINE/control/down"
  get
  [ "$status" -eq 0 ]
  # and the unit in the background finds it by itself
  unit_is_ready() {
    dpucc-client status --json |
      jq -e '.units[] | select(.toolchain == "container" and .state == "ready")'
  }
  wait_for unit_is_ready
  rm "$ENGINE/control/images/vendor%vitis:3.5"
  daemon_stop
  daemon_start
  get
  [ "$status" -eq 1 ]
  [[ $stderr == *"is not on this machine"* ]]
}

@test "an engine that hangs is asked once, and only those wait who need its answer" {
  configure "$(jq -n --arg path "$ENGINE/docker" '{toolchains: {
    own: {kind: "dpucc"},
    container: {kind: "container", engine: "docker", path: $path, image: "vendor/vitis:3.5"}}}')"
  local i
  for i in {1..8}; do cp Net_int.xmodel "copy${i}_int.xmodel"; done
  touch "$ENGINE/control/hangs"
  daemon_start
  dpucc-client watch .
  all_are_known() { [ "$(($(stat_of hashes) + $(stat_of memo_hits)))" -ge 9 ]; }
  wait_for all_are_known
  run -0 --separate-stderr dpucc-client --toolchain own get --wait Net_int.xmodel
  # one, and another after half a minute; the pool's three quick threads would have asked at once
  [ "$(grep -c 'image inspect' "$ENGINE/control/asked")" -lt 3 ]
  rm "$ENGINE/control/hangs"
  get
  [ "$status" -eq 0 ]
  [ "$(dpucc-client list --json | jq '[.artifacts[].toolchain] | sort | join(" ")')" = '"container own"' ]
}

@test "without an engine and without the vendor's tool, auto is the embedded compiler" {
  configure '{}'
  daemon_start
  get
  [ "$status" -eq 0 ]
  [ "$(dpucc-client list --json | jq -r '.artifacts[0].toolchain')" = dpucc ]
}

@test "a container that ran out of memory is no verdict on the model" {
  touch "$ENGINE/control/out-of-memory"
  DOUBLE_VAI_C_XIR=killed daemon_start
  get
  [ "$status" -eq 1 ]
  [[ $stderr == *"ran out of memory"*"memory_limit_mib"* ]]
  [ "$(containers)" -eq 0 ]
}

@test "a failure in a container is a diagnosis, remembered" {
  DOUBLE_VAI_C_XIR=traceback daemon_start
  get
  [ "$status" -eq 4 ]
  get
  [ "$status" -eq 4 ]
  expect_stat compiler_runs 1
  [ "$(containers)" -eq 0 ]
  grep -qE 'job [0-9a-f]{8}: Net@b1024 with box: failed after .* s: the compiler' "$DAEMON_LOG"
}

@test "a time limit ends the container, not only its client" {
  container '{"time_limit_s": 1}'
  DOUBLE_VAI_C_XIR=hang daemon_start
  get
  [ "$status" -eq 1 ]
  [[ $stderr == *"time limit"* ]]
  [ "$(containers)" -eq 0 ]
  wait_for no_compiler_runs
}

@test "what a killed daemon left is removed at the next start" {
  DOUBLE_VAI_C_XIR=hang daemon_start
  dpucc-client watch .
  wait_for has_containers 1
  left=$(ls "$ENGINE/control/containers")
  kill -KILL "$DAEMON"
  wait_for daemon_is_gone
  mkdir -p "$ENGINE/control/containers/somebody-elses"
  echo 'dpucc.jobs=another' >"$ENGINE/control/containers/somebody-elses/labels"
  container '{"environment": []}'
  daemon_start
  left_is_gone() { [ ! -e "$ENGINE/control/containers/$left" ]; }
  wait_for left_is_gone
  [ -d "$ENGINE/control/containers/somebody-elses" ]
  get
  [ "$status" -eq 0 ]
}

# Docker says 255 of a container whose end it did not see (20.10, measured).
@test "an engine that crashes under a compile is no verdict on the model" {
  touch "$ENGINE/control/crashes"
  daemon_start
  get
  [ "$status" -eq 0 ]
  expect_stat jobs_failed 0
  expect_stat jobs_transient 1
}

# A restart of docker ends all containers, the kept ones, too.
@test "a compile whose kept container is gone has one of its own, at once" {
  container '{"warm_idle_s": 600}'
  mkdir -p "$ENGINE/control/proc/sysvipc"
  touch "$ENGINE/control/proc/sysvipc/"{shm,sem,msg}
  daemon_start
  get
  [ "$status" -eq 0 ]
  [ "$(containers)" -eq 1 ]
  for folder in "$ENGINE"/control/containers/*; do echo 'exited 255 false' >"$folder/state"; done
  dpucc mkmodel lenet --seed 4 -o Net_int.xmodel
  get
  [ "$status" -eq 0 ]
  dpucc check --require-dpu --arch arch.json "$output"
  expect_stat jobs_transient 0
  wait_for has_containers 0
}
