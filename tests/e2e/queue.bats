#!/usr/bin/env bats
# The queue: what compiles first, what waits, what is given up, and what one can see and say of it.
# The compiler stops at a gate (gate_compiler), so the test decides how long it takes.

load helpers

bats_require_minimum_version 1.5.0

setup() {
  sandbox_setup
  arch_b1024
  gate_compiler
}

teardown() { sandbox_teardown; }

one_at_a_time() {
  configure '{"concurrency": 1}'
  daemon_start
  dpucc-client watch "$WORK"
}

lenet() { # SEED FILE
  dpucc mkmodel lenet --seed "$1" -o "$2"
}

open_gate() { touch "$SANDBOX/open"; }

jobs() { # FILTER: of the list of jobs
  dpucc-client status --json | jq -r "[.jobs[]?] | $1"
}

jobs_are() { # NET ...: in their order
  [ "$(jobs 'map(.name | split("@")[0]) | join(" ")')" = "$*" ]
}

unit_is() { # NET STATE
  [ "$(dpucc-client status --json | jq -r --arg net "$1" \
    '.units[] | select(.net_name == $net) | .state')" = "$2" ]
}

compiler() { tail -n 1 "$SANDBOX/started"; }

# A client that waits, in the background: its output in $SANDBOX/FILE.out, its status in FILE.code.
waiting_get() { # FILE
  {
    local code=0
    dpucc-client get --wait "$1" >"$SANDBOX/$1.out" 2>"$SANDBOX/$1.err" || code=$?
    echo "$code" >"$SANDBOX/$1.code"
  } 3>&- &
}

answered() { [ -s "$SANDBOX/$1.code" ]; }

@test "a waiting client first, then the most recent save; one after the other" {
  one_at_a_time
  dpucc-client pause
  lenet 1 First_int.xmodel
  wait_for jobs_are First
  lenet 2 Second_int.xmodel
  wait_for jobs_are Second First
  lenet 3 Third_int.xmodel
  wait_for jobs_are Third Second First
  waiting_get First_int.xmodel
  wait_for jobs_are First Third Second
  [ "$(jobs 'map(.position) | join(" ")')" = "1 2 3" ]
  [ "$(jobs '.[0].n_clients')" = 1 ]
  expect_stat jobs_started 0
  dpucc-client resume
  wait_for n_started 1
  [ "$(jobs '.[0] | "\(.name) \(.running) \(.phase)"')" = "First@b1024 true compiling" ]
  open_gate
  dpucc-client wait --all
  wait_for answered First_int.xmodel
  expect_stat jobs_started 3
  [ ! -e "$SANDBOX/overlap" ]
  [ "$(sed -n 's/.* job [0-9a-f]*: \([A-Za-z]*\)@.*: started$/\1/p' "$DAEMON_LOG" | xargs)" = "First Third Second" ]
}

@test "paused: saves are seen and hits answered, but nothing starts until it is resumed" {
  open_gate
  daemon_start
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  dpucc-client wait --all
  dpucc-client pause
  dpucc-client status | grep -q "paused ('dpucc-client resume'"
  [ "$(dpucc-client status --json | jq .paused)" = true ]
  dpucc-client get Net_int.xmodel
  lenet 2 Net_int.xmodel
  wait_for jobs_are Net
  run -3 dpucc-client get Net_int.xmodel
  run -124 dpucc-client wait --all --timeout 0.2
  expect_stat jobs_started 1
  dpucc-client resume
  dpucc-client wait --all
  expect_stat jobs_started 2
  [ "$(dpucc-client status --json | jq .paused)" = false ]
}

@test "cancel ends a compile for everybody, and the next save compiles" {
  daemon_start
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  wait_for n_started 1
  waiting_get Net_int.xmodel
  one_waits() { [ "$(jobs '.[0].n_clients')" = 1 ]; }
  wait_for one_waits
  first=$(compiler)
  run -0 dpucc-client cancel Net@b1024
  [[ $output == *Net@b1024*Net_int.xmodel* ]]
  wait_for process_is_gone "$first"
  wait_for answered Net_int.xmodel
  [ "$(cat "$SANDBOX/Net_int.xmodel.code")" = 1 ]
  grep -q 'cancelled, as' "$SANDBOX/Net_int.xmodel.err"
  wait_for unit_is Net failed
  run -4 dpucc-client wait --all
  run -5 --separate-stderr dpucc-client cancel Net@b1024
  [[ $stderr == *'no compile of Net@b1024 runs or waits'* ]]
  expect_stat jobs_cancelled 1
  wait_for no_jobs_left
  [ "$(dpucc-client list --json | jq '.artifacts | length')" = 0 ]
  # a new reason
  open_gate
  lenet 2 Net_int.xmodel
  dpucc-client wait --all
  unit_is Net ready
}

@test "cancel takes a path and a key, too, and what waits in the queue" {
  one_at_a_time
  dpucc-client pause
  lenet 1 One_int.xmodel
  lenet 2 Two_int.xmodel
  wait_for jobs_are Two One
  key=$(jobs '.[0].key')
  dpucc-client cancel "${key:0:8}"
  wait_for jobs_are One
  run -5 dpucc-client cancel "${key:0:7}"
  dpucc-client cancel One_int.xmodel
  wait_for jobs_are ""
  expect_stat jobs_started 0
  # who asks again, gets it
  dpucc-client resume
  open_gate
  dpucc check --source One_int.xmodel "$(dpucc-client get --wait One_int.xmodel)"
}

@test "a newer save supersedes the older compile of its unit" {
  daemon_start
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  wait_for n_started 1
  first=$(compiler)
  lenet 2 Net_int.xmodel
  wait_for n_started 2
  wait_for process_is_gone "$first"
  open_gate
  dpucc-client wait --all
  expect_stat jobs_superseded 1
  expect_stat jobs_cancelled 1
  expect_stat jobs_done 1
}

@test "but not when somebody else wants it" {
  daemon_start
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  cp Net_int.xmodel "$SANDBOX/Old_int.xmodel"
  wait_for n_started 1
  waiting_get Net_int.xmodel
  one_waits() { [ "$(jobs '.[0].n_clients')" = 1 ]; }
  wait_for one_waits
  lenet 2 Net_int.xmodel
  wait_for n_started 2
  wait_for stat_is jobs_superseded 1
  open_gate
  dpucc-client wait --all
  wait_for answered Net_int.xmodel
  expect_stat jobs_cancelled 0
  expect_stat jobs_done 2
  dpucc check --source "$SANDBOX/Old_int.xmodel" "$(cat "$SANDBOX/Net_int.xmodel.out")"
}

@test "fifty clients and a unit share one compile" {
  daemon_start
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  wait_for n_started 1
  for i in $(seq 50); do
    dpucc-client get --wait Net_int.xmodel >"$SANDBOX/got.$i" 3>&- &
  done
  all_joined() { stat_is single_flight_joins 50; }
  wait_for all_joined
  [ "$(jobs '"\(length) \(.[0].n_clients)"')" = "1 50" ]
  open_gate
  dpucc-client wait --all
  all_got() { [ "$(cat "$SANDBOX"/got.* | wc -l)" = 50 ]; }
  wait_for all_got
  [ "$(sort -u "$SANDBOX"/got.* | wc -l)" = 1 ]
  expect_stat compiler_runs 1
}

@test "what was compiled before predicts how long it takes, over a restart, too" {
  open_gate
  daemon_start
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  dpucc-client wait --all
  daemon_stop
  rm "$SANDBOX/open"
  daemon_start
  lenet 2 Net_int.xmodel
  wait_for n_started 2
  [ "$(jobs '.[0].predicted_ms > 0 and .[0].left_ms >= 0')" = true ]
  dpucc-client status | grep -q 'done in about'
  # another one waits for that
  configure '{"concurrency": 1}'
  dpucc-client reload
  lenet 3 Other_int.xmodel
  wait_for jobs_are Net Other
  [ "$(jobs '.[1].left_ms >= .[1].predicted_ms')" = true ]
}

@test "a compile that needs the memory of another one waits for it" {
  open_gate
  configure '{"concurrency": 4, "memory_mib": 1}'
  daemon_start
  dpucc-client watch "$WORK"
  lenet 1 One_int.xmodel
  dpucc-client wait --all
  rm "$SANDBOX/open"
  lenet 2 One_int.xmodel
  lenet 3 Two_int.xmodel
  two_jobs() { [ "$(jobs length)" = 2 ]; }
  wait_for two_jobs
  [ "$(jobs 'map(.running) | join(" ")')" = "true false" ]
  # without that limit it would not
  configure '{"concurrency": 4}'
  dpucc-client reload
  wait_for n_started 3
}

@test "compilers are nice" {
  daemon_start
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  wait_for n_started 1
  niceness() { ps -o ni= -p "$1" | tr -d ' '; }
  wanted=$(($(niceness "$DAEMON") + 10))
  if [ $wanted -gt 19 ]; then wanted=19; fi
  is_nicer() { [ "$(niceness "$(compiler)")" -eq $wanted ]; }
  wait_for is_nicer
  [ "$(ionice -p "$(compiler)")" = "best-effort: prio 7" ]
}

@test "a compiler that is killed is tried again, and its failure is not remembered" {
  daemon_start
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  wait_for n_started 1
  kill -KILL "$(compiler)"
  backs_off() { [ "$(jobs '.[0].n_failures')" = 1 ]; }
  wait_for backs_off
  dpucc-client status | grep -q 'failed 1 time and is tried again'
  open_gate
  dpucc-client wait --all
  unit_is Net ready
  expect_stat jobs_transient 1
  expect_stat compiler_runs 2
}

@test "a hundred saves in a second compile a few times at most, and the last one wins" {
  open_gate
  configure '{"settle_ms": 500}' # on a busy machine the saves are far apart
  daemon_start
  dpucc-client watch "$WORK"
  for i in $(seq 10); do lenet "$i" "$SANDBOX/save.$i"; done
  for i in $(seq 10); do
    for j in $(seq 10); do cp "$SANDBOX/save.$j" Net_int.xmodel; done
  done
  dpucc-client wait --all
  dpucc check --source "$SANDBOX/save.10" "$(dpucc-client get Net_int.xmodel)"
  [ "$(stat_of jobs_done)" -le 3 ]
  [ "$(stat_of compiler_runs)" -le 6 ]
}

@test "wait accounts for every save made before it, heard of or not" {
  open_gate
  daemon_start
  dpucc-client watch "$WORK"
  dpucc-client wait --all
  kill -STOP "$DAEMON"
  for i in 1 2 3; do lenet "$i" "Net${i}_int.xmodel"; done
  {
    local code=0
    dpucc-client wait --all || code=$?
    echo "$code $(stat_of jobs_done)" >"$SANDBOX/waited"
  } 3>&- &
  kill -CONT "$DAEMON"
  wait_for test -s "$SANDBOX/waited"
  [ "$(cat "$SANDBOX/waited")" = "0 3" ]
}

# ---- monitor -----------------------------------------------------------------------------------

# In the background, once it listens: events in $SANDBOX/events.
monitor_start() { # [OPTION ...]
  dpucc-client monitor "$@" >"$SANDBOX/events" 2>"$SANDBOX/monitor.err" 3>&- &
  MONITOR=$!
  wait_for grep -q monitoring "$SANDBOX/events"
}

event_count() { # FILTER
  jq -s "[.[] | select($1)] | length" "$SANDBOX/events"
}

has_event() { # FILTER
  [ "$(event_count "$1" 2>/dev/null)" -ge 1 ] 2>/dev/null
}

# The kinds of events about Net, in their order, phases left out.
story() {
  jq -r 'select(.kind != "phase" and ((.path // "") | endswith("/Net_int.xmodel"))) | .kind' "$SANDBOX/events" | uniq | xargs
}

@test "monitor tells of a save, its compile and its result, as lines of JSON" {
  daemon_start
  dpucc-client watch "$WORK"
  monitor_start --json
  lenet 1 Net_int.xmodel
  wait_for has_event '.kind == "started" and .job.running'
  open_gate
  wait_for has_event '.kind == "unit" and .unit.state == "ready"'
  has_event '.kind == "phase" and .job.phase == "checking"'
  [ "$(story)" = "saved queued started ended unit" ]
  [ "$(event_count '.kind == "ended" and .outcome == "made" and .job.name == "Net@b1024"')" = 1 ]
  # the same again is a hit: no job
  touch Net_int.xmodel
  wait_for has_event '.kind == "unit" and .unit.hit == true'
  [ "$(event_count '.kind == "started"')" = 1 ]
  kill "$MONITOR"
}

@test "monitor tells of what is cancelled, paused, watched, delivered and gone, for people" {
  jq -n '{targets: {b: "arch.json"}, models: [{xmodel: "Net_int.xmodel", output_dir: "out"}]}' >dpucc.json
  daemon_start
  dpucc-client watch "$WORK"
  monitor_start
  lenet 1 Net_int.xmodel
  wait_for n_started 1
  dpucc-client cancel Net@b
  wait_for grep -q 'ended .*Net@b  cancelled after' "$SANDBOX/events"
  wait_for grep -q 'unit .*Net@b  failed: cancelled, as' "$SANDBOX/events"
  dpucc-client pause
  dpucc-client resume
  dpucc-client reload
  open_gate
  lenet 2 Net_int.xmodel
  wait_for grep -q 'delivered .*Net@b' "$SANDBOX/events"
  rm Net_int.xmodel
  wait_for grep -q 'gone .*Net_int.xmodel' "$SANDBOX/events"
  grep -q ' paused' "$SANDBOX/events"
  grep -q ' resumed' "$SANDBOX/events"
  grep -q ' reloaded' "$SANDBOX/events"
  dpucc-client unwatch "$WORK"
  wait_for grep -q 'root .*work  unwatched' "$SANDBOX/events"
  daemon_stop
  wait_for grep -q 'the daemon is stopping' "$SANDBOX/monitor.err"
}

@test "monitor PATH tells only of what lies there" {
  open_gate
  daemon_start
  mkdir here there
  dpucc-client watch "$WORK"
  monitor_start --json here
  lenet 1 there/Other_int.xmodel
  dpucc-client wait --all
  lenet 2 here/Net_int.xmodel
  dpucc-client wait --all
  wait_for has_event '.kind == "unit" and .unit.state == "ready"'
  [ "$(event_count '(.path // "") | contains("/there/")')" = 0 ]
  kill "$MONITOR"
}

@test "a monitor that does not read loses events and is told how many; nobody waits for it" {
  open_gate
  daemon_start
  dpucc-client watch "$WORK"
  mkfifo "$SANDBOX/pipe"
  dpucc-client monitor --json >"$SANDBOX/pipe" 2>/dev/null 3>&- &
  MONITOR=$!
  exec 8<"$SANDBOX/pipe"
  read -r first <&8
  [[ $first == *monitoring* ]]
  kill -STOP "$MONITOR"
  for i in $(seq 1500); do echo "no model $i" >"File$i.xmodel"; done
  seen_all() { [ "$(stat_of saves_seen)" -ge 1500 ]; }
  wait_for seen_all
  dpucc-client wait --all || true
  lenet 1 Net_int.xmodel
  dpucc-client get --wait Net_int.xmodel
  kill -CONT "$MONITOR"
  cat <&8 >"$SANDBOX/events" 3>&- &
  lenet 2 Net_int.xmodel
  dpucc-client get --wait Net_int.xmodel
  left_out() { touch Net_int.xmodel && has_event '.n_left_out > 0'; }
  wait_for left_out
  exec 8<&-
  kill "$MONITOR"
}

# ---- the notify command ------------------------------------------------------------------------

# Writes a line for each call into $SANDBOX/told.
notify_command() {
  # shellcheck disable=SC2016 # for the inner shell
  printf '#!/bin/sh\necho "$1 $DPUCC_EVENT $DPUCC_UNIT $(basename "$DPUCC_SOURCE") ${DPUCC_ARTIFACT:+artifact} $DPUCC_DETAIL" >>%s\n' \
    "$SANDBOX/told" >"$SANDBOX/notify.sh"
  chmod +x "$SANDBOX/notify.sh"
  configure "$(jq -n --arg program "$SANDBOX/notify.sh" '{notify: [$program, "the argument"]}')"
}

told() { grep -qF "$1" "$SANDBOX/told" 2>/dev/null; }

@test "the notify command hears of what was compiled and what failed, and of no hits" {
  open_gate
  notify_command
  daemon_start
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  wait_for told 'the argument ready Net@b1024 Net_int.xmodel artifact'
  touch Net_int.xmodel
  dpucc-client wait --all
  rm "$SANDBOX/open"
  lenet 2 Net_int.xmodel
  wait_for n_started 2
  dpucc-client cancel Net@b1024
  wait_for told 'failed Net@b1024 Net_int.xmodel  cancelled, as'
  [ "$(wc -l <"$SANDBOX/told")" = 2 ]
  expect_stat notifications 2
}

@test "a project file cannot name a notify command" {
  open_gate
  daemon_start
  jq -n --arg program "$SANDBOX/notify.sh" '{notify: [$program]}' >dpucc.json
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  run -4 dpucc-client wait --all
  expect_stat notifications 0
}

@test "a notify command that hangs or is missing is in nobody's way" {
  open_gate
  configure '{"notify": ["sleep", "1000"]}'
  daemon_start
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  wait_for stat_is notifications 1
  lenet 2 Net_int.xmodel
  dpucc check --source Net_int.xmodel "$(dpucc-client get --wait Net_int.xmodel)"
  daemon_stop # ends it
  configure '{"notify": ["/nonexistent/program"]}'
  daemon_start
  lenet 3 Net_int.xmodel
  dpucc-client wait --all
  wait_for grep -q 'the notify command /nonexistent/program cannot be run' "$DAEMON_LOG"
}
