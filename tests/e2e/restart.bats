#!/usr/bin/env bats
# Crashes, restarts, bursts: nothing is lost, nothing half-done is seen, nothing is stale.

load helpers

setup() {
  sandbox_setup
  arch_b1024
}

teardown() { sandbox_teardown; }

gated_daemon() {
  gate_compiler
  daemon_start
}

@test "kill -9 during a compile: nothing half-written, no orphan, and the restart compiles" {
  gated_daemon
  dpucc-client watch "$WORK"
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  wait_for n_started 1
  compiler=$(head -n 1 "$SANDBOX/started")

  kill -KILL "$DAEMON"
  wait_for daemon_is_gone
  [ -z "$(find "$CACHE/records" "$CACHE/views" -type f -o -type l 2>/dev/null)" ]

  daemon_start
  [ "$(stat_of orphans_killed)" -ge 1 ]
  wait_for process_is_gone "$compiler"
  touch "$SANDBOX/open"
  artifact=$(dpucc-client get --wait Net_int.xmodel)
  dpucc check --source Net_int.xmodel "$artifact"
  # the directories of both jobs are gone
  dpucc-client wait --all
  [ -z "$(find "$CACHE/jobs" -mindepth 2 -type f 2>/dev/null)" ]
}

@test "workspaces are remembered; edits made while the daemon was down are found" {
  daemon_start
  dpucc-client watch "$WORK"
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  first=$(dpucc-client get --wait Net_int.xmodel)
  daemon_stop
  dpucc mkmodel lenet --seed 2 -o Net_int.xmodel
  dpucc mkmodel lenet --seed 3 -o New_int.xmodel

  daemon_start
  dpucc-client wait --all
  expect_stat jobs_done 2
  second=$(dpucc-client get Net_int.xmodel)
  [ "$first" != "$second" ]
  dpucc-client get New_int.xmodel
  expect_stat jobs_started 2
}

@test "a restart answers from the cache, without reading the models again" {
  daemon_start
  dpucc-client watch "$WORK"
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  first=$(dpucc-client get --wait Net_int.xmodel)
  # the stat memo trusts a file only when it has been at rest for a moment
  touch -d '1 hour ago' Net_int.xmodel
  dpucc-client get --wait Net_int.xmodel
  daemon_stop
  daemon_start
  [ "$(dpucc-client get --wait Net_int.xmodel)" = "$first" ]
  expect_stat jobs_started 0
}

@test "a burst of saves is one compile, of the last" {
  configure '{ "settle_ms": 500 }'
  daemon_start
  dpucc-client watch "$WORK"
  for seed in 1 2 3 4 5 6 7 8; do dpucc mkmodel lenet --seed "$seed" -o "$SANDBOX/$seed"; done
  cp "$SANDBOX/8" "$SANDBOX/last"
  python3 - "$SANDBOX" Net_int.xmodel <<'PY'
import os, sys
for seed in range(1, 9):
    os.rename(f"{sys.argv[1]}/{seed}", sys.argv[2])
PY
  dpucc-client wait --all
  expect_stat jobs_started 1
  dpucc check --source "$SANDBOX/last" "$(dpucc-client get Net_int.xmodel)"
}

@test "spaced saves: the last wins, and no two jobs of a unit run at once" {
  gated_daemon
  dpucc-client watch "$WORK"
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  wait_for n_started 1
  dpucc mkmodel lenet --seed 2 -o Net_int.xmodel
  wait_for n_started 2
  dpucc mkmodel lenet --seed 3 -o Net_int.xmodel
  wait_for n_started 3
  touch "$SANDBOX/open"
  artifact=$(dpucc-client get --wait Net_int.xmodel)
  dpucc check --source Net_int.xmodel "$artifact"
  dpucc-client wait --all
  expect_stat jobs_superseded 2
  expect_stat jobs_done 1
  [ ! -e "$SANDBOX/overlap" ]
}

@test "an answer right after a save is never stale" {
  daemon_start
  dpucc-client watch "$WORK"
  for seed in 1 2 3 4 5 6 7 8 9 10; do
    dpucc mkmodel lenet --seed "$seed" -o Net_int.xmodel
    dpucc check --source Net_int.xmodel "$(dpucc-client get --wait Net_int.xmodel)" >/dev/null
  done
  # without inotify's help: the daemon is stopped while the save happens
  for seed in 11 12 13; do
    kill -STOP "$DAEMON"
    dpucc mkmodel lenet --seed "$seed" -o Net_int.xmodel
    dpucc-client get --wait Net_int.xmodel >answer &
    client=$!
    kill -CONT "$DAEMON"
    wait "$client"
    dpucc check --source Net_int.xmodel "$(cat answer)" >/dev/null
  done
}

@test "a nearer arch file counts at once" {
  daemon_start
  dpucc-client watch "$WORK"
  mkdir deep
  dpucc mkmodel lenet --seed 1 -o deep/Net_int.xmodel
  first=$(dpucc-client get --wait deep/Net_int.xmodel)
  echo '{"fingerprint":"0x101000056010407"}' >deep/arch.json
  second=$(dpucc-client get --wait deep/Net_int.xmodel)
  [ "$first" != "$second" ]
}

@test "a model truncated in place while it is read harms nobody" {
  daemon_start
  dpucc-client watch "$WORK"
  dpucc mkmodel unet --size 64 --seed 1 -o "$SANDBOX/whole"
  for _ in 1 2 3 4 5; do
    cat "$SANDBOX/whole" >Net_int.xmodel
    dpucc-client get --wait Net_int.xmodel >/dev/null 2>&1 &
    client=$!
    : >Net_int.xmodel
    wait "$client" || true
  done
  kill -0 "$DAEMON"
  cat "$SANDBOX/whole" >Net_int.xmodel
  dpucc check --source "$SANDBOX/whole" "$(dpucc-client get --wait Net_int.xmodel)"
}

@test "a second daemon on the same cache says who has it" {
  daemon_start
  run dpuccd --socket "$SANDBOX/other.sock"
  [ "$status" -ne 0 ]
  [[ $output == *"$DAEMON"* ]]
  dpucc-client roots
}

@test "a damaged object is a miss, and heals" {
  daemon_start
  dpucc-client watch "$WORK"
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  artifact=$(dpucc-client get --wait Net_int.xmodel)
  object=$(readlink -f "$artifact")
  chmod u+w "$object"
  printf 'X' | dd of="$object" bs=1 seek=1000 conv=notrunc status=none
  chmod u-w "$object"
  artifact=$(dpucc-client get --wait Net_int.xmodel)
  dpucc check --source Net_int.xmodel "$artifact"
  expect_stat jobs_done 2
  [ -n "$(ls "$CACHE/quarantine")" ]
}
