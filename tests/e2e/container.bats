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

box() { # MORE SETTINGS [OF ALL]
  configure "$(jq -n --arg engine "$ENGINE" --arg image "$IMAGE" --argjson more "$1" \
    --argjson all "${2:-null}" '{
    toolchain: "box",
    toolchains: {box: ({kind: "container", engine: $engine, conda: "vitis-ai-wego-torch2",
      image: $image, environment: ["DOUBLE_VAI_C_XIR"]} + $more)}} + $all')"
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
  # the tool's attempt to be root gives files of the caller all the same
  other_model 4
  in_mode as-root && [ "$status" -eq 0 ]
  [ "$(stat -c %u "$(readlink -f "$output")")" = "$(id -u)" ]
  containers_are 0
}

# What doctor says of the real engine, step by step, to @STEP, which is good or not.
examine() { # EXPECTED-CODE STEP REGEX
  run --separate-stderr "-$1" dpucc-client --toolchain box doctor
  grep -qE "^$([ "$1" = 0 ] && echo ok || echo failed) +toolchain box, $2: .*$3" <<<"$output" || {
    echo "$output" "$stderr"
    return 1
  }
}

checkup() {
  box '{}'
  daemon_start
  examine 0 engine "$ENGINE [0-9]"
  examine 0 image "$IMAGE is [0-9a-f]{64}"
  examine 0 start 'runs in the image'
  containers_are 0
  daemon_stop
  box '{"conda": "nobody-made-this"}'
  daemon_start
  examine 1 start 'no conda environment nobody-made-this'
  containers_are 0
  "$ENGINE" rmi --force "$IMAGE" >/dev/null 2>&1
  examine 1 image "not on this machine.*$ENGINE pull"
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

container_ids() { "$ENGINE" ps --all --quiet --no-trunc --filter label=dpucc.job 2>/dev/null; }
container_is_gone() { [[ $(container_ids) != *"$1"* ]]; }

other_model() { dpucc mkmodel lenet --seed "$1" -o Net_int.xmodel; }

# A newer save ends the compile of the older one, its container and all, and is served.
superseded() { # SETTINGS
  box "$1" '{"snapshot": "verbatim"}'
  DOUBLE_VAI_C_XIR=hang-on:$(md5sum <Net_int.xmodel | cut -d' ' -f1) daemon_start
  dpucc-client watch .
  wait_for stat_is compiler_runs 1
  wait_for containers_are 1
  old=$(container_ids)
  other_model 4
  get
  [ "$status" -eq 0 ]
  container_is_gone "$old"
  expect_stat jobs_superseded 1
  expect_stat jobs_done 1
}

# Without what an engine's client says itself; sorted, for it need not keep the order of two streams.
words_of_compiler() { # LOG
  grep -v '^Resource limits\|^WARNING: ' "$1" | sed 's/[0-9a-f]\{32\}/MD5/' | sort
}

# One container for compiles in turn; what they see and leave is as in a container of their own.
warm() {
  box '{"warm_idle_s": 600}'
  in_mode good
  [ "$status" -eq 0 ]
  first=$output
  dpucc check --require-dpu --arch arch.json "$first"
  [ "$(stat -c %u "$(readlink -f "$first")")" = "$(id -u)" ]
  containers_are 1
  kept=$(container_ids)
  other_model 4
  get
  [ "$status" -eq 0 ]
  [ "$output" != "$first" ]
  [ "$(container_ids)" = "$kept" ]
  expect_stat compiler_runs 2
  warm_log=$(dirname "$output")/compile.log

  # the key does not depend on it, nor does the log
  daemon_stop
  containers_are 0
  box '{}'
  DOUBLE_VAI_C_XIR=good daemon_start
  get
  expect_stat compiler_runs 0
  words_of_compiler "$warm_log" >"$SANDBOX/warm.log"
  dpucc-client --force get --wait Net_int.xmodel
  expect_stat compiler_runs 1
  words_of_compiler "$warm_log" | diff "$SANDBOX/warm.log" -
}

# What fails, or leaves something behind, ends the container; the next compile has another.
warm_failures() {
  box '{"warm_idle_s": 600}'
  for mode in traceback fatal:XCOM_DATA_OUTRANGE exit:125; do
    in_mode $mode
    [ "$status" -eq 4 ]
    containers_are 0
    other_model ${#mode}
  done
  for mode in leaves-process leaves-shared-memory leaves-file; do
    in_mode $mode
    [ "$status" -eq 0 ]
    containers_are 0
    other_model 1${#mode}
  done
  # tried again, in a container of its own
  in_mode fatal:XCOM_ACGEN_ERROR
  [ "$status" -eq 4 ]
  expect_stat compiler_runs 2
  containers_are 0
}

warm_memory() {
  need_limits
  box '{"warm_idle_s": 600, "memory_limit_mib": 64}'
  in_mode oom
  [ "$status" -eq 1 ]
  [[ $stderr == *"out of memory"* ]]
  containers_are 0
}

# Idle time, time limit, cancel, death of the daemon: no container is left, and no other is hurt.
warm_ends() {
  box '{"warm_idle_s": 1}'
  in_mode good
  [ "$status" -eq 0 ]
  wait_for containers_are 0
  daemon_stop
  box '{"warm_idle_s": 600, "time_limit_s": 2}'
  other_model 4
  in_mode hang
  [ "$status" -eq 1 ]
  [[ $stderr == *"time limit"* ]]
  containers_are 0

  # two at once: the one that nobody waits for any more ends alone
  daemon_stop
  rm arch.json
  arch_b1024 arch-good.json
  echo '{"fingerprint":"0x101000056010407"}' >arch-hangs.json
  box '{"warm_idle_s": 600}'
  DOUBLE_VAI_C_XIR=hang-on:6010407 daemon_start
  ask_for_one_that_hangs
  gone=$(container_ids)
  dpucc-client get --wait --arch arch-good.json Net_int.xmodel
  containers_are 2
  kill "$asker"
  wait_for containers_are 1
  container_is_gone "$gone"
  kept=$(container_ids)
  other_model 5
  dpucc-client get --wait --arch arch-good.json Net_int.xmodel
  [ "$(container_ids)" = "$kept" ]

  # killed with one that works and one that is idle
  ask_for_one_that_hangs
  other_model 6
  dpucc-client get --wait --arch arch-good.json Net_int.xmodel
  containers_are 2
  kill -KILL "$DAEMON"
  wait_for daemon_is_gone
  containers_are 2
  box '{}'
  daemon_start
  wait_for containers_are 0
}

# docs/MASQUERADE.md, "Inside a container, with the daemon outside": the socket is mounted, and the
# client that is called vai_c_xir inside passes descriptors of files that only exist there.
inside() {
  local -a user=(-u "$(id -u):$(id -g)")
  if is_rootless; then
    case $ENGINE in
    docker) user=() ;; # root inside is the caller
    podman) user+=(--userns=keep-id) ;;
    esac
  fi
  box '{}'
  DOUBLE_VAI_C_XIR=good daemon_start
  "$ENGINE" run --rm --pull=never --network none "${user[@]}" -v "$WORK":/workspace -w /workspace \
    -v "$XDG_RUNTIME_DIR/dpucc":/run/dpucc -e DPUCC_SOCKET=/run/dpucc/dpuccd.sock \
    -v "$BIN/dpucc-client":/usr/local/bin/vai_c_xir:ro -e DPUCC_TOOLCHAIN=box \
    -v "$BIN/dpucc-client":/usr/local/bin/dpucc-client:ro \
    "$IMAGE" sh -c '
      mkdir "/tmp/only here" && cp Net_int.xmodel arch.json "/tmp/only here" && cd "/tmp/only here" &&
        vai_c_xir -x Net_int.xmodel -a arch.json -o out -n unet && cp -r out /workspace/out &&
        dpucc-client get --wait --arch arch.json -o /workspace/copy.xmodel Net_int.xmodel'
  expect_stat compiler_runs 1
  dpucc check --require-dpu --arch arch.json out/unet.xmodel
  cmp out/unet.xmodel copy.xmodel
  [ "$(stat -c %u out/unet.xmodel copy.xmodel | sort -u)" = "$(id -u)" ]
}

ask_for_one_that_hangs() {
  local runs
  runs=$(($(stat_of compiler_runs) + 1))
  dpucc-client get --wait --arch arch-hangs.json Net_int.xmodel >/dev/null 2>&1 3>&- &
  asker=$!
  wait_for stat_is compiler_runs $runs
}

@test "docker: compiles, failures, noise" { with_engine docker && story; }
@test "docker: doctor, step by step" { with_engine docker && checkup; }
@test "podman: doctor, step by step" { with_engine podman && checkup; }
@test "docker: out of memory" { with_engine docker && memory; }
@test "docker: time limit, and orphans of a killed daemon" { with_engine docker && ending; }
@test "docker: a moved tag, a missing image" { with_engine docker && moving; }
@test "docker: a newer save supersedes a compile" { with_engine docker && superseded '{}'; }
@test "docker, warm: one container, the same keys and logs" { with_engine docker && warm; }
@test "docker, warm: failures and leftovers" { with_engine docker && warm_failures; }
@test "docker, warm: out of memory" { with_engine docker && warm_memory; }
@test "docker, warm: idle time, limit, cancel, death of the daemon" { with_engine docker && warm_ends; }
@test "docker, warm: a newer save supersedes a compile" {
  with_engine docker
  superseded '{"warm_idle_s": 600}'
  containers_are 1 # that of the new one
}
@test "podman: compiles, failures, noise" { with_engine podman && story; }
@test "podman: out of memory" { with_engine podman && memory; }
@test "podman: time limit, and orphans of a killed daemon" { with_engine podman && ending; }
@test "podman: a moved tag, a missing image" { with_engine podman && moving; }
@test "podman: a newer save supersedes a compile" { with_engine podman && superseded '{}'; }
@test "podman, warm: one container, the same keys and logs" { with_engine podman && warm; }
@test "podman, warm: failures and leftovers" { with_engine podman && warm_failures; }
@test "podman, warm: out of memory" { with_engine podman && warm_memory; }
@test "podman, warm: idle time, limit, cancel, death of the daemon" { with_engine podman && warm_ends; }
@test "podman, warm: a newer save supersedes a compile" {
  with_engine podman
  superseded '{"warm_idle_s": 600}'
  containers_are 1 # that of the new one
}

@test "docker: inside a container, with the daemon outside" { with_engine docker && inside; }
@test "podman: inside a container, with the daemon outside" { with_engine podman && inside; }

@test "docker goes down: transient, with the remedy, nothing else is used" {
  with_engine docker
  box '{}'
  in_mode good
  docker_stop
  examine 1 engine 'docker does not answer.*systemctl start docker'
  dpucc mkmodel lenet --seed 4 -o Net_int.xmodel
  in_mode good
  [ "$status" -eq 1 ]
  [[ $stderr == *"docker does not answer"* ]]
  expect_stat compiler_runs 0
}
