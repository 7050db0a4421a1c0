#!/usr/bin/env bats
# Real docker and real podman, with tests/support/double-vai_c_xir in an image: rootful ones for root,
# rootless ones for everybody else (rootless.bats runs this suite so). Slow: one engine, one image
# for each test.

load helpers
load engine

bats_require_minimum_version 1.5.0

setup() {
  sandbox_setup
  cd "$WORK" || return 1
  dpucc mkmodel lenet --seed 3 -o Net_int.xmodel
  arch_b1024
}

teardown() {
  [ -z "$DAEMON" ] || daemon_stop || true
  engine_stop || true
  sandbox_teardown
}

with_engine() { # docker|podman
  need_engine "$1"
  # podman takes a short name for one of a registry
  case $ENGINE in
  docker) IMAGE=vendor/vitis:3.5 ;;
  podman) IMAGE=localhost/vendor/vitis:3.5 ;;
  esac
  engine_start
  image_import "$IMAGE" 1
}

box() { # MORE SETTINGS
  configure "$(jq -n --arg engine "$ENGINE" --arg image "$IMAGE" --argjson more "$1" '{
    toolchain: "box",
    toolchains: {box: ({kind: "container", engine: $engine, conda: "vitis-ai-wego-torch2",
      image: $image, environment: ["DOUBLE_VAI_C_XIR"]} + $more)}}')"
}

get() {
  run --separate-stderr dpucc-client get --wait Net_int.xmodel
  echo "${stderr:-}"
}

n_containers() { "$ENGINE" ps --all --quiet --filter label=dpucc.job 2>/dev/null | wc -l; }
containers_are() { [ "$(n_containers)" -eq "$1" ]; }

# Runs the daemon anew with the double in that mode, and asks.
in_mode() { # MODE
  [ -z "$DAEMON" ] || daemon_stop
  DOUBLE_VAI_C_XIR=$1 daemon_start
  get
}

story() {
  box '{"memory_limit_mib": 256, "cpus": 1}'
  in_mode good
  [ "$status" -eq 0 ]
  first=$output
  dpucc check --require-dpu --arch arch.json "$first"
  # nothing in the log or the outputs names a place of this machine
  grep -q 'saved to "./out/Net.xmodel"' "$(dirname "$first")/compile.log"
  [ "$(stat -c %u "$(readlink -f "$first")")" = "$(id -u)" ]
  containers_are 0

  in_mode nothing && [ "$status" -eq 4 ]
  in_mode wrong-fingerprint && [ "$status" -eq 4 ]
  [[ $stderr == *"the board has"* ]]
  in_mode no-dpu && [ "$status" -eq 4 ]
  in_mode fatal:XCOM_DATA_OUTRANGE && [ "$status" -eq 4 ]
  [[ $stderr == *XCOM_DATA_OUTRANGE* ]]
  in_mode traceback && [ "$status" -eq 4 ]
  in_mode huge-log && [ "$status" -eq 0 ]
  in_mode noise && [ "$status" -eq 0 ]
  in_mode private && [ "$status" -ne 4 ]
  containers_are 0
}

memory() {
  need_limits
  box '{"memory_limit_mib": 64}'
  in_mode oom
  [ "$status" -eq 1 ]
  [[ $stderr == *"out of memory"* ]]
  containers_are 0
}

ending() {
  box '{"time_limit_s": 3}'
  in_mode hang
  [ "$status" -eq 1 ]
  [[ $stderr == *"time"* ]]
  containers_are 0

  # cancelled by a newer save, and by the death of the daemon
  daemon_stop
  box '{}'
  DOUBLE_VAI_C_XIR=hang daemon_start
  dpucc-client watch .
  wait_for containers_are 1
  kill -KILL "$DAEMON"
  wait_for daemon_is_gone
  containers_are 1
  DOUBLE_VAI_C_XIR=good daemon_start
  get
  [ "$status" -eq 0 ]
  wait_for containers_are 0
}

moving() {
  box '{}'
  in_mode good
  first=$output
  image_import "$IMAGE" 2
  in_mode good
  [ "$status" -eq 0 ]
  [ "$output" != "$first" ]
  "$ENGINE" rmi --force "$IMAGE" >/dev/null 2>&1
  in_mode good
  [ "$status" -eq 1 ]
  [[ $stderr == *"is not on this machine"*"$ENGINE pull"* ]]
}

@test "docker: compiles, failures, noise" { with_engine docker && story; }
@test "docker: out of memory" { with_engine docker && memory; }
@test "docker: time limit, and orphans of a killed daemon" { with_engine docker && ending; }
@test "docker: a moved tag, a missing image" { with_engine docker && moving; }
@test "podman: compiles, failures, noise" { with_engine podman && story; }
@test "podman: out of memory" { with_engine podman && memory; }
@test "podman: time limit, and orphans of a killed daemon" { with_engine podman && ending; }
@test "podman: a moved tag, a missing image" { with_engine podman && moving; }

@test "docker goes down: transient, with the remedy, nothing else is used" {
  with_engine docker
  box '{}'
  in_mode good
  docker_stop
  dpucc mkmodel lenet --seed 4 -o Net_int.xmodel
  in_mode good
  [ "$status" -eq 1 ]
  [[ $stderr == *"docker does not answer"* ]]
  expect_stat compiler_runs 0
}
