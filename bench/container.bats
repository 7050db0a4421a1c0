#!/usr/bin/env bats
# What a container costs each job: real docker and podman, the double of the compiler, whose own work
# is a few hundredths of a second. Prints the median of the durations in the daemon's log, for the same
# compiler without a container, in one of its own, and in one that is kept.
#
#   DPUCC_BIN_DIR=build/release/bin DPUCC_SOURCE_DIR=$PWD bats bench/container.bats

load ../tests/e2e/helpers
load ../tests/e2e/engine

bats_require_minimum_version 1.5.0

N=${DPUCC_BENCH_JOBS:-21}

setup() {
  sandbox_setup
  cd "$WORK" || return 1
  arch_b1024
}

teardown() {
  [ -z "$DAEMON" ] || daemon_stop || true
  engine_stop || true
  sandbox_teardown
}

median_of_jobs() { # NAME
  local i
  daemon_start
  for ((i = 0; i <= N; i++)); do
    dpucc mkmodel lenet --seed $i -o Net_int.xmodel
    dpucc-client --force get --wait Net_int.xmodel >/dev/null
  done
  daemon_stop
  # without the first, which finds nothing warm
  sed -n 's/.* done after \([0-9.]*\) s$/\1/p' "$DAEMON_LOG" | tail -n "$N" | sort -n |
    sed -n "$((N / 2 + 1))s/^/# $1: /p" >&3
}

container() { # MORE SETTINGS
  configure "$(jq -n --arg engine "$ENGINE" --argjson more "$1" '{toolchain: "box", toolchains: {box:
    ({kind: "container", engine: $engine, conda: "vitis-ai-wego-torch2", image: "localhost/v:1"} + $more)}}')"
}

compare() { # docker|podman
  need_engine "$1"
  engine_start
  image_import localhost/v:1 1
  container '{}'
  median_of_jobs "$1, one container for each job"
  container '{"warm_idle_s": 600}'
  median_of_jobs "$1, warm_idle_s"
}

@test "without a container" {
  install_double "$SANDBOX/envs/double"
  configure "$(jq -n --arg conda "$SANDBOX/envs/double" '{toolchain: "here",
    toolchains: {here: {kind: "native", conda: $conda}}}')"
  median_of_jobs "native"
}

@test "docker" { compare docker; }
@test "podman" { compare podman; }
