#!/usr/bin/env bats
# --no-daemon: the same engine for one request, beside a daemon and beside others of its kind.

bats_require_minimum_version 1.5.0

load helpers

setup() {
  sandbox_setup
  arch_b1024
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
}

teardown() { sandbox_teardown; }

direct() { # EXPECTED-CODE [ARG ...]
  local code=$1
  shift
  run --separate-stderr "-$code" dpucc-client --no-daemon "$@"
}

# Starts a client that Ctrl-C reaches, in a process group of its own: $CLIENT.
direct_in_background() { # [ARG ...]
  setsid env --default-signal=INT dpucc-client --no-daemon "$@" >out 2>err 3>&- &
  CLIENT=$!
  wait_for n_started 1
  ONCE=$(children_named "$CLIENT" dpuccd)
  [ -n "$ONCE" ]
  COMPILER=$(head -n 1 "$SANDBOX/started")
}

@test "get: 3 when it is not there and nobody is at it, --wait compiles, then it is a hit" {
  direct 3 get Net_int.xmodel
  [ -z "$output" ]
  [[ $stderr == *"without a daemon nobody is at it"* ]]
  no_jobs_left
  direct 0 get --wait --json Net_int.xmodel
  [ "$(jq .hit <<<"$output")" = false ]
  path=$(jq -r .path <<<"$output")
  dpucc check --source Net_int.xmodel "$path"
  direct 0 get Net_int.xmodel
  [ "$output" = "$path" ]
  no_jobs_left
  [ ! -e "$XDG_RUNTIME_DIR/dpucc" ]
}

@test "one cache: what it made a daemon has, and the other way round" {
  direct 0 get --wait Net_int.xmodel
  made=$output
  daemon_start
  [ "$(dpucc-client get Net_int.xmodel)" = "$made" ]
  expect_stat compiler_runs 0

  dpucc mkmodel lenet --seed 2 -o Other_int.xmodel
  made=$(dpucc-client get --wait Other_int.xmodel)
  asked=$(stat_of asks)
  direct 0 get Other_int.xmodel
  [ "$output" = "$made" ]
  expect_stat asks "$asked"
}

@test "build delivers; -o copies; list, show, log, why and version answer" {
  direct 0 build Net_int.xmodel --arch arch.json --output_dir 'o u t/deep' --net_name foo
  (cd 'o u t/deep' && [ "$(md5sum foo.xmodel | cut -d' ' -f1)" = "$(cat md5sum.txt)" ])
  [ "$(jq -r .filename 'o u t/deep/meta.json')" = foo.xmodel ]
  direct 0 get -o copy.xmodel Net_int.xmodel
  cmp copy.xmodel 'o u t/deep/foo.xmodel'
  direct 0 list
  key=$(cut -c1-12 <<<"$output")
  direct 0 show "$key"
  for x in "$key" Net_int.xmodel 'o u t/deep/foo.xmodel'; do
    direct 0 log "$x"
    [[ $output == *"The compiled xmodel is saved to"* ]]
  done
  direct 0 why "$key"
  direct 5 log nothing.xmodel
  direct 0 version
  [[ $output == *dpuccd* ]]
}

@test "the newest artifact of a source is the one that is meant" {
  direct 0 get --wait Net_int.xmodel
  old=$(dpucc-client --no-daemon why Net_int.xmodel --json | jq -r .key)
  dpucc mkmodel lenet --seed 2 -o Net_int.xmodel
  direct 0 get --wait Net_int.xmodel
  new=$(dpucc-client --no-daemon why Net_int.xmodel --json | jq -r .key)
  [ "$old" != "$new" ]
  [[ $output == *"$new"* ]]
}

@test "what is about a daemon is a usage error" {
  local command
  for command in status roots 'watch .' 'unwatch .' 'wait --all' stats reload shutdown; do
    # shellcheck disable=SC2086
    direct 2 $command
    [[ $stderr == *"leave out --no-daemon"* ]]
  done
}

@test "failures have the usual codes" {
  direct 5 get missing.xmodel
  echo nothing >bad.xmodel
  direct 5 get bad.xmodel
  direct 2 --toolchain nonesuch get Net_int.xmodel
  rm arch.json
  direct 5 get Net_int.xmodel
  mkdir -p "$HOME/.config/dpucc"
  echo '{"concurrency": }' >"$HOME/.config/dpucc/dpuccd.json"
  direct 1 get Net_int.xmodel
  [[ $stderr == *dpuccd.json*"ended before it answered"* ]]
}

@test "a dpuccd that is not there: 6" {
  mkdir "$SANDBOX/alone"
  cp "$BIN/dpucc-client" "$SANDBOX/alone/"
  PATH=/usr/bin:/bin run --separate-stderr -6 "$SANDBOX/alone/dpucc-client" --no-daemon list
  [[ $stderr == *"cannot find the program dpuccd"* ]]
}

@test "Ctrl-C ends the client, its dpuccd and the compiler" {
  gate_compiler
  direct_in_background get --wait Net_int.xmodel
  kill -INT -- "-$CLIENT"
  wait "$CLIENT" || code=$?
  [ "$code" = 130 ]
  wait_for process_is_gone "$ONCE"
  process_is_gone "$COMPILER"
  wait_for no_jobs_left
  [ -z "$(find "$CACHE/records" -type f)" ]
}

@test "a client that dies takes its dpuccd and the compiler along" {
  gate_compiler
  direct_in_background get --wait Net_int.xmodel
  kill -KILL "$CLIENT"
  wait_for process_is_gone "$ONCE"
  process_is_gone "$COMPILER"
  no_jobs_left
}

@test "timeout: 124, and nothing goes on" {
  gate_compiler
  direct 124 --timeout 1 get --wait Net_int.xmodel
  process_is_gone "$(head -n 1 "$SANDBOX/started")"
  no_jobs_left
}

@test "a dpuccd that is killed: 1; the next run cleans up and compiles" {
  gate_compiler
  direct_in_background get --wait Net_int.xmodel
  kill -KILL "$ONCE"
  wait "$CLIENT" || code=$?
  [ "$code" = 1 ]
  grep -q 'ended by signal 9 (Killed) before it answered' err
  touch "$SANDBOX/open"
  direct 0 get --wait Net_int.xmodel
  wait_for process_is_gone "$COMPILER"
  no_jobs_left
}

@test "many at once, beside a daemon: each model is compiled once" {
  gate_compiler
  daemon_start
  dpucc mkmodel lenet --seed 2 -o Two_int.xmodel
  local pids=() i pid
  for i in 1 2 3 4; do
    dpucc-client --no-daemon get --wait Net_int.xmodel >"out.$i" 3>&- &
    pids+=($!)
    dpucc-client --no-daemon get --wait Two_int.xmodel >"two.$i" 3>&- &
    pids+=($!)
  done
  dpucc-client get --wait Net_int.xmodel >out.daemon 3>&- &
  pids+=($!)
  wait_for n_started 2
  touch "$SANDBOX/open"
  for pid in "${pids[@]}"; do wait "$pid"; done
  [ "$(wc -l <"$SANDBOX/started")" = 2 ]
  [ "$(sort -u out.* | wc -l)" = 1 ]
  [ "$(sort -u two.* | wc -l)" = 1 ]
  no_jobs_left
}

@test "without a cache that can be written: compiled, if a copy is wanted" {
  export TMPDIR=$SANDBOX/tmp DPUCC_CACHE_DIR=/proc/dpucc
  mkdir "$TMPDIR"
  direct 0 get --wait -o first.xmodel Net_int.xmodel
  [ -z "$(find "$TMPDIR" "$HOME" -name '*.xmodel')" ]
  export XDG_STATE_HOME=/proc/dpucc
  direct 1 get --wait Net_int.xmodel
  [[ $stderr == *"the cache cannot keep it"* ]]
  direct 0 get --wait -o copy.xmodel Net_int.xmodel
  dpucc check --source Net_int.xmodel copy.xmodel
  direct 0 build Net_int.xmodel --arch arch.json --output_dir out
  cmp out/Net.xmodel copy.xmodel
  cmp first.xmodel copy.xmodel
  [ -z "$(find "$TMPDIR" -mindepth 1)" ]
}

@test "standard streams that are closed are nobody's else" {
  direct 0 get --wait -o first.xmodel Net_int.xmodel
  run -0 dpucc-client --no-daemon --force get --wait -o a.xmodel Net_int.xmodel <&-
  run -0 bash -c 'dpucc-client --no-daemon --force get --wait -o b.xmodel Net_int.xmodel 2>&-'
  run -1 bash -c 'dpucc-client --no-daemon --force get --wait -o c.xmodel Net_int.xmodel >&-'
  [[ $output == *"writing the output"* ]]
  dpuccd <&- >&- 2>&- 3>&- &
  DAEMON=$!
  wait_for daemon_answers
  dpucc-client --force get --wait -o d.xmodel Net_int.xmodel
  for copy in [a-d].xmodel; do cmp first.xmodel "$copy"; done
  daemon_stop
}

@test "the service manager of whoever calls hears nothing of us" {
  python3 - "$SANDBOX/notify" <<'PYTHON'
import os, socket, subprocess, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
env = dict(os.environ, NOTIFY_SOCKET=sys.argv[1], WATCHDOG_USEC="1000000")
subprocess.run(["dpucc-client", "--no-daemon", "get", "--wait", "Net_int.xmodel"], env=env, check=True)
listener.setblocking(False)
try:
    sys.exit("heard: %r" % listener.recv(100))
except BlockingIOError:
    pass
PYTHON
}

@test "NET@TARGET: what was compiled is known by name; two models of one name are asked back" {
  cp arch.json arch-antelope.json
  rm arch.json
  direct 5 show Net@antelope
  [[ $stderr == *"nothing in the cache is called Net@antelope"*"name the source"* ]]
  direct 0 get --wait Net_int.xmodel
  made=$output
  cd /
  direct 0 get Net@antelope
  [ "$output" = "$made" ]
  direct 0 build --output_dir "$WORK/out" Net@antelope
  cmp "$WORK/out/Net.xmodel" "$made"
  direct 0 show Net@antelope
  [[ $output == *"$WORK/Net_int.xmodel"* ]]
  direct 0 log Net@antelope
  [[ $output == *"The compiled xmodel is saved to"* ]]
  direct 0 why Net@antelope
  [[ $output == "key "* ]]
  direct 5 get Net@leopard
  direct 5 get Other@antelope
  # a file of that name is a file
  cd "$WORK"
  cp Net_int.xmodel Net@antelope
  direct 0 get Net@antelope
  [[ $output == */Net@antelope.xmodel ]]
  rm Net@antelope

  mkdir other
  cp arch-antelope.json other/
  dpucc mkmodel lenet --seed 2 -o other/Net_int.xmodel
  direct 0 get --wait other/Net_int.xmodel
  local command
  for command in get show log why report build; do
    direct 2 $command Net@antelope
    [[ $stderr == *"$WORK/Net_int.xmodel"* && $stderr == *"$WORK/other/Net_int.xmodel"* ]]
  done
  rm Net_int.xmodel
  direct 0 get Net@antelope
  # with a daemon it is the same
  daemon_start
  [ "$(dpucc-client get Net@antelope)" = "$output" ]
}

@test "report: of a source, NET@TARGET and a key as the cache has it, of a file as it is" {
  direct 0 build Net_int.xmodel --arch arch.json --output_dir out
  key=$(dpucc-client --no-daemon list | cut -c1-12)
  expected=$(jq -S . "$(find "$CACHE/views" -name report.json)")
  for x in Net_int.xmodel Net@b1024 "$key"; do
    direct 0 report "$x"
    [ "$(jq -S . <<<"$output")" = "$expected" ]
  done
  direct 0 report out/Net.xmodel
  [ "$output" = "$(dpucc report out/Net.xmodel)" ]
  run -0 dpucc-client report --no-daemon Net@b1024 --json --timeout=60 --toolchain dpucc
  [ "$(jq -S . <<<"$output")" = "$expected" ]
  run -0 dpucc-client report --no-daemon Net@b1024 --md --timeout 60
  run -0 dpucc-client report --json out/Net.xmodel --source Net_int.xmodel
  [ "$output" = "$(dpucc report out/Net.xmodel --source Net_int.xmodel)" ]
  run -2 dpucc-client report out/Net.xmodel --timeout
  [[ $output == *"'--timeout' takes a value"* ]]
  run -2 dpucc-client report out/Net.xmodel --json=x
  direct 5 report Nothing@b1024
  run --separate-stderr -6 dpucc-client report Net@b1024
  # a file needs no daemon
  run --separate-stderr -0 dpucc-client report out/Net.xmodel --source Net_int.xmodel
  [ "$output" = "$(dpucc report out/Net.xmodel --source Net_int.xmodel)" ]
  run --separate-stderr -0 dpucc-client report out/Net.xmodel
  daemon_start
  [ "$(dpucc-client report Net_int.xmodel | jq -S .)" = "$expected" ]
  [ "$(dpucc-client report "$key" | jq -S .)" = "$expected" ]
}

@test "get and build take NET@TARGET of a unit, with the names of the project file" {
  mkdir -p boards/leopard boards/kria
  mv arch.json boards/leopard/
  echo '{"fingerprint":"0x101000056010407"}' >boards/kria/arch.json
  echo '{"targets": {"leopard": "boards/leopard/arch.json", "kria": "boards/kria/arch.json"},
    "models": [{"xmodel": "Net_int.xmodel", "net_name": "deep"}]}' >dpucc.json
  daemon_start
  dpucc-client watch .
  dpucc-client wait --all
  cd /
  for board in leopard kria; do
    run --separate-stderr -0 dpucc-client get deep@$board
    [[ $output == */deep.xmodel ]]
    dpucc check --arch "$WORK/boards/$board/arch.json" --source "$WORK/Net_int.xmodel" "$output"
  done
  run --separate-stderr -0 dpucc-client build --output_dir "$WORK/out" deep@kria
  cmp "$WORK/out/deep.xmodel" "$(dpucc-client get deep@kria)"
  run --separate-stderr -5 dpucc-client get deep@antelope
  run --separate-stderr -5 dpucc-client get shallow@kria
  expect_stat compiler_runs 2
}
