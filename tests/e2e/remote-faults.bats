#!/usr/bin/env bats
# Shared caches that are down, slow, wrong or hostile: no build fails, each costs at most one
# time-out, and what is not right is counted and not used.

load helpers
load remotes

setup() {
  sandbox_setup
  arch_b1024
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  mkdir "$SANDBOX/shared"
}

teardown() {
  servers_stop
  sandbox_teardown
}

directory() { echo "{\"url\": \"file://$SANDBOX/shared\"}"; }
double() { echo "{\"url\": \"http://127.0.0.1:$DOUBLE_PORT\"${1:+, $1}}"; }

# What one machine made is in $SANDBOX/shared; another one asks a double that serves it.
made_elsewhere() {
  remote_is "$(directory)"
  compile_here
}

has_warning() { # TEXT
  dpucc-client status --json | jq -r '.warnings[]?' | grep -qF -- "$1"
}
no_warning() { ! has_warning "$1"; }

helper_pid() { # of the daemon
  local pids
  read -ra pids < <(children_named "$DAEMON" dpucc-remote | tr '\n' ' ')
  echo "${pids[0]:-}"
}
has_helper() { [ -n "$(helper_pid)" ]; }

@test "nobody there at the start: one time-out, then a warning; it is used again when it is there" {
  DOUBLE_PORT=$(free_port)
  remote_is "$(double)"
  daemon_start
  expect_compiled
  expect_stat remote_r0_errors 1
  expect_stat remote_r0_opened 1
  has_warning 'remote r0'
  # the next one is not asked at all
  dpucc mkmodel lenet --seed 2 -o Two_int.xmodel
  dpucc-client get --wait Two_int.xmodel
  expect_stat remote_r0_errors 1
  expect_stat remote_r0_skipped 1
  # both were kept for it, and the probe finds it
  double_start good "$SANDBOX/shared"
  wait_for no_warning 'remote r0'
  wait_for stat_is remote_r0_uploads 2
  [ "$(find "$SANDBOX/shared/v1/records" -type f | wc -l)" = 2 ]
}

@test "it never answers: a record is waited for no longer than its limit, the next build not at all" {
  double_start silent
  remote_is "$(double '"timeout_ms": 700')"
  daemon_start
  expect_compiled
  expect_stat remote_r0_errors 1
  dpucc mkmodel lenet --seed 2 -o Two_int.xmodel
  dpucc-client get --wait Two_int.xmodel
  expect_stat remote_r0_errors 1
  expect_stat remote_r0_skipped 1
  expect_stat remote_helper_deaths 0
}

@test "a byte now and then: a transfer has an end" {
  made_elsewhere
  double_start loris "$SANDBOX/shared"
  remote_is "$(double '"timeout_ms": 1000')"
  daemon_start
  expect_compiled
  expect_stat remote_r0_errors 1
  expect_stat remote_helper_deaths 0
}

@test "404 is a miss, 500 an error, and three of those in a row are enough" {
  double_start status 404
  remote_is "$(double '"access": "read-only"')"
  daemon_start
  expect_compiled
  expect_stat remote_r0_misses 1
  expect_stat remote_r0_errors 0
  daemon_stop
  server_kill "$DOUBLE"
  other_machine
  double_start status 500
  daemon_start
  for seed in 1 2 3 4; do
    dpucc mkmodel lenet --seed "$seed" -o Net_int.xmodel
    dpucc-client get --wait Net_int.xmodel
  done
  expect_stat compiler_runs 4
  expect_stat remote_r0_errors 3
  expect_stat remote_r0_skipped 1
  has_warning 'the server answers 500'
}

@test "bodies that are cut, broken off, flipped or something else are refused and compiled here" {
  made_elsewhere
  local behaviour
  for behaviour in truncate break flip swap; do
    double_start "$behaviour" "$SANDBOX/shared"
    remote_is "$(double '"access": "read-only"')"
    other_machine
    daemon_start
    expect_compiled
    [ "$(($(stat_of remote_r0_refused) + $(stat_of remote_r0_errors)))" = 1 ]
    expect_stat remote_r0_hits 0
    expect_stat cache_quarantined 0
    daemon_stop
    server_kill "$DOUBLE"
  done
}

@test "what was refused is written anew, and then is a hit" {
  made_elsewhere
  object=$(find "$SANDBOX/shared/v1/objects" -type f -size +64k | head -n 1)
  chmod 600 "$object"
  printf X | dd of="$object" bs=1 seek=1000 conv=notrunc status=none
  daemon_start
  expect_compiled
  expect_stat remote_r0_refused 1
  wait_for stat_is remote_r0_uploads 1
  daemon_stop
  other_machine
  daemon_start
  expect_remote_hit
}

@test "records: flipped, of another secret, unsigned or under another key are not used" {
  made_elsewhere
  double_start flip-records "$SANDBOX/shared"
  remote_is "$(double '"access": "read-only"')"
  daemon_start
  expect_compiled
  expect_stat remote_r0_refused 1
  daemon_stop

  other_machine
  other=$(secret_file other.secret 'another secret, as long as it must be')
  remote_is "{\"url\": \"file://$SANDBOX/shared\", \"access\": \"read-only\", \"secret_file\": \"$other\"}"
  daemon_start
  expect_compiled
  expect_stat remote_r0_refused 1
  grep -q 'not signed with the shared secret' "$DAEMON_LOG"
  daemon_stop

  # a record that a trusting machine left there has no signature
  other_machine
  rm -r "$SANDBOX"/shared/*
  remote_is "{\"url\": \"file://$SANDBOX/shared\", \"secret_file\": null, \"trusted\": true}"
  sed -i '/"secret_file": null/d' "$HOME/.config/dpucc/dpuccd.json"
  compile_here
  daemon_start
  expect_remote_hit # by one that trusts
  daemon_stop
  other_machine
  remote_is "{\"url\": \"file://$SANDBOX/shared\", \"access\": \"read-only\"}"
  daemon_start
  expect_compiled
  expect_stat remote_r0_refused 1
  daemon_stop

  # a good record under the name of another key
  rm -r "$SANDBOX"/shared/*
  other_machine
  made_elsewhere
  record=$(find "$SANDBOX/shared/v1/records" -type f)
  dpucc mkmodel lenet --seed 7 -o Net_int.xmodel
  compile_here
  chmod -R u+w "$SANDBOX/shared"
  for file in $(find "$SANDBOX/shared/v1/records" -type f); do cp "$record" "$file" 2>/dev/null || true; done
  daemon_start
  expect_compiled
  expect_stat remote_r0_refused 1
}

@test "wrong credentials: one error, a warning, and a compile" {
  need_program redis-server redis-server
  redis_start
  wrong=$(secret_file wrong.pw 'not it')
  remote_is "{\"url\": \"redis://127.0.0.1:$REDIS_PORT\", \"password_file\": \"$wrong\"}"
  daemon_start
  expect_compiled
  expect_stat remote_r0_errors 1
  expect_stat remote_r0_opened 1
  has_warning 'WRONGPASS'
  daemon_stop
  other_machine
  need_program nginx nginx-light
  nginx_start
  remote_is "{\"url\": \"http://127.0.0.1:$HTTP_PORT\", \"user\": \"bob\", \"password_file\": \"$wrong\"}"
  daemon_start
  expect_compiled
  expect_stat remote_r0_errors 1
  has_warning '401'
  dpucc-client status >"$SANDBOX/status"
  dpucc-client stats >"$SANDBOX/stats"
  without grep -qF 'not it' "$DAEMON_LOG" "$SANDBOX/status" "$SANDBOX/stats"
}

@test "a server that does not know AUTH repeats the password: nobody is shown it" {
  double_start redis-unknown
  password=$(secret_file redis.pw 's3cr3t-word')
  remote_is "{\"url\": \"redis://127.0.0.1:$DOUBLE_PORT\", \"password_file\": \"$password\"}"
  daemon_start
  for seed in 1 2 3; do
    dpucc mkmodel lenet --seed "$seed" -o Net_int.xmodel
    dpucc-client get --wait Net_int.xmodel
  done
  has_warning 'does not take AUTH'
  dpucc-client status >"$SANDBOX/status"
  without grep -qF 's3cr3t-word' "$DAEMON_LOG" "$SANDBOX/status"
}

@test "a server that refuses what is written is read all the same, and says so once" {
  made_elsewhere
  double_start read-only "$SANDBOX/shared"
  remote_is "$(double)"
  daemon_start
  for seed in 2 3; do
    dpucc mkmodel lenet --seed "$seed" -o Net_int.xmodel
    dpucc-client get --wait Net_int.xmodel
    wait_for stat_is remote_r0_upload_errors $((seed - 1))
  done
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client get --wait Net_int.xmodel
  expect_stat remote_r0_hits 1
  expect_stat remote_r0_opened 0
  [ "$(grep -c 'remote r0 cannot be written to' "$DAEMON_LOG")" = 1 ]
}

@test "one that hangs is down, and the others are asked" {
  local library=$BIN/../tests/support/hang_disk.so
  [ -e "$library" ] || skip "no $library"
  made_elsewhere
  mkdir "$SANDBOX/hung"
  remote_is "{\"url\": \"file://$SANDBOX/hung\", \"access\": \"read-only\", \"timeout_ms\": 500}" \
    "$(directory)"
  mkdir "$SANDBOX/bin"
  cp "$BIN/dpuccd" "$BIN/dpucc" "$SANDBOX/bin/"
  # a sanitizer's runtime wants to be the first library
  printf '#!/bin/sh\n%s exec %s "$@"\n' \
    "ASAN_OPTIONS=verify_asan_link_order=0 HANG_DISK=$SANDBOX/hung LD_PRELOAD=$library" \
    "$BIN/dpucc-remote" >"$SANDBOX/bin/dpucc-remote"
  chmod +x "$SANDBOX/bin/dpucc-remote"
  PATH=$SANDBOX/bin:$PATH daemon_start
  dpucc-client get --wait Net_int.xmodel
  expect_stat remote_helper_deaths 1
  expect_stat remote_r0_opened 1
  expect_stat remote_r1_opened 0
}

@test "secrets: others may read the file: the tier is not used, and status says what to do" {
  remote_is "$(directory)"
  chmod 644 "$SANDBOX/shared.secret"
  daemon_start
  expect_compiled
  has_warning "chmod 600 $SANDBOX/shared.secret"
  daemon_stop
  other_machine
  chmod 600 "$SANDBOX/shared.secret"
  password=$(secret_file redis.pw 'pass word')
  chmod 640 "$password"
  remote_is "{\"url\": \"redis://127.0.0.1:1\", \"password_file\": \"$password\"}"
  daemon_start
  expect_compiled
  wait_for has_warning "chmod 600 $password"
}

@test "secrets are in no argument and no environment of the helper" {
  need_program redis-server redis-server
  redis_start
  password=$(secret_file redis.pw 'pass word')
  remote_is "{\"url\": \"redis://127.0.0.1:$REDIS_PORT\", \"password_file\": \"$password\"}"
  daemon_start
  expect_compiled
  wait_for stat_is remote_r0_uploads 1
  helper=$(helper_pid)
  without grep -qaF 'pass word' "/proc/$helper/cmdline" "$DAEMON_LOG"
  shared=$(cat "$SANDBOX/shared.secret")
  grep -q '^Max core file size  *0  *0 ' "/proc/$helper/limits"
  # the environment of a process that is not dumpable is for root only
  if [ "$(id -u)" -eq 0 ]; then
    without grep -qaF -e 'pass word' -e "$shared" "/proc/$helper/environ"
  else
    without cat "/proc/$helper/environ" 2>/dev/null
  fi
}

@test "servers that announce more than anybody should allocate" {
  local behaviour
  for behaviour in redis-array redis-bulk; do
    double_start "$behaviour"
    remote_is "{\"url\": \"redis://127.0.0.1:$DOUBLE_PORT\", \"access\": \"read-only\"}"
    daemon_start
    expect_compiled
    expect_stat remote_r0_errors 1
    expect_stat remote_helper_deaths 0
    [ "$(awk '/^VmHWM/ {print $2}' "/proc/$(helper_pid)/status")" -lt 65536 ]
    daemon_stop
    server_kill "$DOUBLE"
    other_machine
  done
  double_start endless
  remote_is "$(double '"access": "read-only"')"
  daemon_start
  expect_compiled
  expect_stat remote_r0_hits 0
  [ "$(awk '/^VmHWM/ {print $2}' "/proc/$(helper_pid)/status")" -lt 65536 ]
}

@test "a redirection is not followed" {
  made_elsewhere
  double_start good "$SANDBOX/shared"
  target=$DOUBLE_PORT
  DOUBLE_PORT=
  double_start redirect "http://127.0.0.1:$target"
  remote_is "$(double '"access": "read-only"')"
  daemon_start
  expect_compiled
  expect_stat remote_r0_errors 1
}

@test "status says of a unit that it is being fetched" {
  double_start silent
  remote_is "$(double '"timeout_ms": 60000')"
  daemon_start
  dpucc-client watch .
  is_fetching() { dpucc-client status --json | grep -q '"fetching"'; }
  wait_for is_fetching
  server_kill "$DOUBLE"
  dpucc-client wait --all
  expect_stat compiler_runs 1
}

@test "the server dies in the middle of a transfer" {
  made_elsewhere
  double_start loris "$SANDBOX/shared"
  remote_is "$(double '"timeout_ms": 60000, "access": "read-only"')"
  daemon_start
  dpucc-client get --wait Net_int.xmodel >out 2>err 3>&- &
  client=$!
  asked() { grep -q 'GET /v1/records' "$SANDBOX/double.log"; }
  wait_for asked
  server_kill "$DOUBLE"
  wait "$client"
  expect_stat compiler_runs 1
  expect_stat remote_r0_errors 1
}

@test "the helper is killed: the build goes on at once, and the next one has a new helper" {
  made_elsewhere
  double_start silent
  remote_is "$(double '"timeout_ms": 60000')" "$(directory)"
  daemon_start
  dpucc-client get --wait Net_int.xmodel >out 2>err 3>&- &
  client=$!
  wait_for has_helper
  asked() { grep -q 'GET /v1/records' "$SANDBOX/double.log"; }
  wait_for asked
  kill -KILL "$(helper_pid)"
  wait "$client"
  expect_stat compiler_runs 1
  expect_stat remote_helper_deaths 1
  # (the warning goes when it is asked again, which may be before this line)
  grep -q 'dpucc-remote is gone' "$DAEMON_LOG"
  server_kill "$DOUBLE"
  wait_for no_warning 'dpucc-remote '
  # the second tier is as good as before
  rm -rf "$CACHE/records" "$CACHE/objects"
  dpucc-client get --wait Net_int.xmodel
  expect_stat remote_r1_hits 1
  expect_stat compiler_runs 1
}

@test "the helper is stopped: it is noticed, killed and replaced" {
  made_elsewhere
  double_start silent
  remote_is "$(double '"timeout_ms": 60000')"
  daemon_start
  dpucc-client get --wait Net_int.xmodel >out 2>err 3>&- &
  client=$!
  wait_for has_helper
  asked() { grep -q 'GET /v1/records' "$SANDBOX/double.log"; }
  wait_for asked
  helper=$(helper_pid)
  kill -STOP "$helper"
  wait "$client"
  expect_stat compiler_runs 1
  expect_stat remote_helper_deaths 1
  wait_for process_is_gone "$helper"
}

@test "no such program: a warning, and everything else works" {
  mkdir "$SANDBOX/bin"
  cp "$BIN/dpuccd" "$BIN/dpucc" "$BIN/dpucc-client" "$SANDBOX/bin/"
  PATH=$SANDBOX/bin:/usr/bin:/bin
  remote_is "$(directory)"
  daemon_start
  expect_compiled
  has_warning 'there is no program dpucc-remote'
}

@test "a directory that is not mounted is down, and is not made" {
  rmdir "$SANDBOX/shared"
  remote_is "$(directory)"
  daemon_start
  expect_compiled
  expect_stat remote_r0_errors 1
  [ ! -e "$SANDBOX/shared" ]
}

@test "reload: a tier comes, goes and is down, and builds go on" {
  remote_is "$(directory)"
  daemon_start
  expect_compiled
  wait_for stat_is remote_r0_uploads 1
  configure '{}'
  dpucc-client reload
  expect_stat remote_r0_uploads 0
  DOUBLE_PORT=$(free_port)
  remote_is "$(double)" "$(directory)"
  dpucc-client reload
  dpucc mkmodel lenet --seed 2 -o Net_int.xmodel
  dpucc-client get --wait Net_int.xmodel
  expect_stat remote_r0_errors 1
  wait_for stat_is remote_r1_uploads 1
  # a bad one leaves the old one in force
  configure '{"remotes": [{"name": "x", "url": "ftp://x", "trusted": true}]}'
  run dpucc-client reload
  echo "$output"
  [ "$status" != 0 ]
  [[ $output == *remotes*url* ]]
  dpucc mkmodel lenet --seed 3 -o Net_int.xmodel
  dpucc-client get --wait Net_int.xmodel
  wait_for stat_is remote_r1_uploads 2
}

@test "reload while a crowd waits to be fetched: it asks the new remotes, and nothing is compiled" {
  local asking=() pid
  for i in {2..12}; do dpucc mkmodel lenet --seed "$i" -o "Net${i}_int.xmodel"; done
  remote_is "$(directory)"
  daemon_start
  for model in *_int.xmodel; do dpucc-client get --wait "$model" >/dev/null; done
  wait_for stat_is remote_r0_uploads 12
  daemon_stop
  other_machine
  double_start hold "$SANDBOX/shared" "$SANDBOX/open"
  remote_is "$(double '"timeout_ms": 60000')"
  daemon_start
  for model in *_int.xmodel; do
    dpucc-client get --wait "$model" >/dev/null 3>&- &
    asking+=($!)
  done
  # four of them are on their way
  all_have_asked() { [ "$(($(stat_of hashes) + $(stat_of memo_hits)))" = 12 ]; }
  wait_for all_have_asked
  wait_for grep -q /objects/ "$SANDBOX/double.log"
  remote_is "$(directory)"
  dpucc-client reload
  touch "$SANDBOX/open"
  for pid in "${asking[@]}"; do wait "$pid"; done
  expect_stat jobs_started 0
  expect_stat compiler_runs 0
  expect_stat hits 12
}
