# dpucc-client against a daemon with a double of the engine (tests/support/double_engine.h),
# which can be made to answer anything: exit codes, output, what the wire carries. And the
# daemon's own frame: signals, the service manager, a second instance.

bats_require_minimum_version 1.5.0

load helpers

setup() {
  sandbox_setup
  # found as dpuccd by helpers.bash
  mkdir "$SANDBOX/bin"
  ln -s "$BIN/../tests/support/double-dpuccd" "$SANDBOX/bin/dpuccd"
  PATH=$SANDBOX/bin:$PATH
  echo model >m.xmodel
  echo '{}' >arch.json
}

teardown() { sandbox_teardown; }

# both outputs apart, and the exit code
client() { # EXPECTED-CODE [ARG ...]
  local code=$1
  shift
  run --separate-stderr "-$code" dpucc-client "$@"
}

restart_with() { # [NAME=VALUE ...]
  [ -z "$DAEMON" ] || daemon_stop
  unset "${!DOUBLE_@}"
  local setting
  for setting; do export "${setting?}"; done
  daemon_start
}

@test "without a daemon: 6, and how to start one" {
  client 6 status
  [ -z "$output" ]
  [[ $stderr == *"no daemon at $XDG_RUNTIME_DIR/dpucc/dpuccd.sock"*"systemctl --user start dpuccd"* ]]
  [[ $stderr != *XDG_RUNTIME_DIR* ]]
  XDG_RUNTIME_DIR='' client 6 status
  [[ $stderr == *"no daemon at $CACHE/run/dpuccd.sock (XDG_RUNTIME_DIR is not set here"* ]]
  client 6 status --json
  [ "$(jq -r '.outcome, .code' <<<"$output")" = $'unreachable\n6' ]
  client 0 version
  [[ $output == *"dpuccd: no daemon"* ]]
}

@test "usage: 2, and where the help is" {
  client 2
  client 2 frobnicate
  [[ $stderr == *"no command 'frobnicate'"* ]]
  client 2 statuss
  [[ $stderr == *"no command 'statuss'; did you mean 'status'?"* ]]
  client 2 get
  [[ $stderr == *"dpucc-client get: an argument is missing"*"Try 'dpucc-client get --help'"* ]]
  client 2 get a b
  client 2 get --bogus a
  [[ $stderr == *"dpucc-client get: unknown or ambiguous option '--bogus'"* ]]
  client 2 get $'--bo\e[31mgus'
  [[ $stderr == *"'--bo\x1b[31mgus'"* ]]
  client 2 get -xo a
  [[ $stderr == *"unknown option '-x'"* ]]
  client 2 get a -o
  [[ $stderr == *"option '-o' takes a value"* ]]
  client 2 get a --arch
  [[ $stderr == *"option '--arch' takes a value"* ]]
  client 2 --json=yes status
  [[ $stderr == *"option '--json=yes' takes no value"* ]]
  client 2 --bogus
  [[ $stderr == *"dpucc-client: unknown or ambiguous option '--bogus'"* ]]
  client 2 get --arch a --target b c
  client 2 status --timeout soon
}

@test "help, with examples, for every command" {
  for option in -h --help --he "--json --help"; do
    # shellcheck disable=SC2086
    client 0 $option
    [[ $output == "usage: dpucc-client [OPTION...] COMMAND"* ]]
  done
  local commands command
  commands=$(dpucc-client --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
  [ "$(wc -l <<<"$commands")" -ge 16 ]
  for command in $commands; do
    client 0 help "$command"
    [[ $output == "usage: dpucc-client $command"*Example*"Exit status"* ]]
    case $command in check | diff | init | report) continue ;; esac # handed over
    client 0 "$command" --help
    [[ $output == "usage: dpucc-client $command"* ]]
    [ -z "$(awk 'length > 96' <<<"$output")" ]
  done
}

@test "a socket path that is too long is told, not cut" {
  client 6 --socket "/$(printf 'x%.0s' {1..120})" status
  [[ $stderr == *"107 bytes"* ]]
}

@test "get prints the path, and only that, on stdout" {
  restart_with
  client 0 get m.xmodel
  [ "$output" = /cache/views/k/net/net.xmodel ]
  [ "$stderr" = "dpucc-client: note: holds no DPU code" ]
  client 0 get --json --arch arch.json m.xmodel
  [ "$(jq -r '.outcome, .path, .hit, .unit.name, .notes[0]' <<<"$output")" = \
    $'done\n/cache/views/k/net/net.xmodel\ntrue\nnet@b1024\nholds no DPU code' ]
}

@test "get -o copies from the descriptor, by rename" {
  echo artifact >"$SANDBOX/artifact"
  restart_with DOUBLE_ARTIFACT="$SANDBOX/artifact"
  echo old >copy.xmodel
  ln copy.xmodel linked
  client 0 get -o copy.xmodel m.xmodel
  [ "$output" = copy.xmodel ]
  [ "$(cat copy.xmodel linked)" = $'artifact\nold' ]
  [ "$(find . -name '.dpucc*' | wc -l)" = 0 ]
  client 1 get -o nowhere/copy.xmodel m.xmodel
  [[ $stderr == *nowhere* ]]
  [ -z "$output" ]
}

has_file_in_work() { # PID
  [ -n "$(find "/proc/$1/fd" -lname "$WORK/*" ! -lname "*/m.xmodel")" ]
}

@test "get -o that is interrupted leaves nothing" {
  # an artifact that does not end, until we say so
  mkfifo "$SANDBOX/artifact"
  exec 8<>"$SANDBOX/artifact"
  restart_with DOUBLE_ARTIFACT="$SANDBOX/artifact" 8>&-
  dpucc-client get -o copy.xmodel m.xmodel 8>&- &
  client=$!
  wait_for has_file_in_work "$client"
  kill -TERM "$client"
  exec 8>&- # where files must have names, it dies when it has copied
  code=0
  wait "$client" || code=$?
  [ $code -eq 143 ]
  [ -z "$(find . -name '.dpucc*')" ]
}

@test "get -o replaces files only" {
  echo artifact >"$SANDBOX/artifact"
  restart_with DOUBLE_ARTIFACT="$SANDBOX/artifact"
  mkfifo fifo
  ln -s fifo link
  mkdir folder
  for target in fifo link folder; do
    client 1 get -o $target m.xmodel
    [[ $stderr == *"$target: not a regular file"* ]]
  done
  [ -p fifo ] && [ -L link ] && [ -d folder ]
  client 0 get -o new m.xmodel
}

@test "get -o where there is no /proc" {
  ldd "$BIN/dpucc-client" | grep -q san && skip "built with a sanitizer, which needs it"
  unshare --map-root-user --mount true 2>/dev/null || skip "no user namespaces here"
  echo artifact >"$SANDBOX/artifact"
  restart_with DOUBLE_ARTIFACT="$SANDBOX/artifact"
  unshare --map-root-user --mount bash -euc '
    mount -t tmpfs none /proc
    dpucc-client get -o copy.xmodel m.xmodel'
  [ "$(cat copy.xmodel)" = artifact ]
  [ "$(find . -name '.dpucc*' | wc -l)" = 0 ]
}

@test "what cannot be opened is not a source: 5" {
  restart_with
  client 5 get job@2/missing.xmodel # a path, and no NET@TARGET
  [[ $stderr == *"job@2/missing.xmodel: No such file"* ]]
  client 5 get missing.xmodel
  [[ $stderr == *"missing.xmodel: No such file"* ]]
  client 5 get .
  mkfifo fifo
  client 5 get fifo
  [[ $stderr == *"fifo: not a regular file"* ]]
  client 1 get --arch missing.json m.xmodel
  client 5 get --json $'bad\nname\e[31m'
  [ "$(jq -r .code <<<"$output")" = 5 ]
  client 5 get $'bad\nname\e[31m'
  [[ $stderr == *'bad\nname\x1b[31m'* ]]
}

@test "the daemon's outcome is the exit code" {
  local code
  for code in 1 2 3 4 5 7; do
    restart_with DOUBLE_OUTCOME=$code
    client $code build m.xmodel
    [[ $stderr == *"the double says no"*"net@b4096"* ]]
    [ -z "$output" ]
    client $code build --json m.xmodel
    [ "$(jq -r '.code, .message, .hints[1]' <<<"$output")" = \
      "$code"$'\nthe double says no\nnet@b4096' ]
    client $code wait --all
  done
}

@test "a source that is replaced before the daemon sees it is asked for again" {
  mkdir elsewhere
  cp m.xmodel elsewhere/old.xmodel
  ln -sf "$PWD/elsewhere/old.xmodel" m.xmodel
  cp elsewhere/old.xmodel new.xmodel
  restart_with DOUBLE_REPLACE="$PWD/new.xmodel" DOUBLE_ARTIFACT="$SANDBOX/artifact"
  client 0 get m.xmodel
  [ ! -L m.xmodel ]
  [ ! -e new.xmodel ]
}

@test "timeout: 124" {
  restart_with DOUBLE_HOLD=1
  client 124 --timeout 0.2 wait --all
  [[ $stderr == *"timed out"* ]]
  client 124 --timeout 0 wait --all
  [[ $stderr == *"timed out"* ]]
  client 124 get --json m.xmodel --timeout 0.2
  [ "$(jq -r '.outcome, .code' <<<"$output")" = $'timed-out\n124' ]
}

@test "a daemon that goes away while one waits: 6" {
  restart_with DOUBLE_HOLD=1
  dpucc-client wait --all >out 2>&1 3>&- &
  local waiter=$! code=0
  wait_for stat_is waits 1
  kill -KILL "$DAEMON"
  wait "$DAEMON" || true
  DAEMON=
  wait "$waiter" || code=$?
  [ "$code" = 6 ]
  grep -q 'hung up before it answered' out
  # and the next one takes over what the killed one left
  restart_with
  client 0 status
}

@test "a stopping daemon answers who waits" {
  restart_with DOUBLE_HOLD=1
  dpucc-client wait --all >out 2>&1 3>&- &
  local waiter=$! code=0
  wait_for stat_is waits 1
  daemon_stop
  wait "$waiter" || code=$?
  [ "$code" = 1 ]
  grep -q 'cancelled' out
}

@test "status, roots, watch, unwatch, list, stats, reload" {
  restart_with
  client 0 status
  [[ $output == *"0 compiling, 0 waiting"*"warning: caching is off"*"/w  watching, 2 directories, 1 model"* ]]
  grep -q 'net@b1024  *ready  *dpucc  *net.xmodel' <<<"$output"
  client 0 status --json
  [ "$(jq -r '.units[0].state, .roots[0].path' <<<"$output")" = $'ready\n/w' ]
  client 5 status /elsewhere
  [[ $stderr == *"/elsewhere: No such file"* ]]
  client 5 status "$SANDBOX"
  [[ $stderr == *"not in a watched workspace"* ]]
  client 0 status /w
  client 5 wait nonexist
  [[ $stderr == *"/nonexist: No such file"* ]]
  client 5 --json wait nonexist
  [ "$(jq -r .code <<<"$output")" = 5 ]
  client 0 roots
  client 0 watch --trust .
  [[ $output == "$(pwd -P)  watching"*trusted ]]
  client 0 unwatch /w
  client 5 unwatch .
  client 0 list
  [ "$output" = "the cache is empty" ]
  client 2 list --limit 0
  client 0 show net@b1024
  client 5 why net@b1024
  [[ $stderr == *"not compiled yet"* ]]
  client 0 stats
  grep -Eq '^gets +0$' <<<"$output"
  client 0 reload
  expect_stat reloads 1
}

@test "paths reach the daemon absolute, directories resolved, the name kept" {
  restart_with
  mkdir real
  echo other >real/x.xmodel
  ln -s real link
  ln -s x.xmodel real/y.xmodel
  client 0 watch link/../link
  [[ $output == "$(pwd -P)/real  "* ]]
}

@test "a terminal gets colour and a line of progress, a pipe does not" {
  command -v script >/dev/null || skip "no script(1)"
  restart_with DOUBLE_PROGRESS=2
  TERM=xterm script -qec "dpucc-client build m.xmodel" out >/dev/null
  grep -q $'\r\e\[Kcompiling.*about [23]\.[0-9] s to go' out
  TERM=xterm script -qec "dpucc-client status" out >/dev/null
  grep -q $'\e\[32mready' out
  TERM=xterm NO_COLOR=1 script -qec "dpucc-client status" out >/dev/null
  run -1 grep -q $'\e\[32m' out
  TERM=xterm dpucc-client status >out
  run -1 grep -q $'\e' out
}

# A daemon that sends one reply, whatever it is asked: the bytes of the Reply, for printf(1)
scripted_daemon() {
  command -v python3 >/dev/null || skip "no python3"
  export DPUCC_SOCKET=$SANDBOX/scripted.sock
  python3 - "$DPUCC_SOCKET" "$(printf '%b' "$1" | od -An -v -tx1)" 3>&- <<'PYTHON' &
import socket, struct, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
while True:
    peer, _ = listener.accept()
    for frame in b"\x08\x01\x12\x01x", bytes.fromhex(sys.argv[2]):
        peer.sendall(struct.pack("<I", len(frame)) + frame)
    while peer.recv(4096):
        pass
PYTHON
  DAEMON=$!
  wait_for test -S "$DPUCC_SOCKET"
}

@test "a log on a terminal is text, in a pipe it is what the compiler wrote" {
  command -v script >/dev/null || skip "no script(1)"
  scripted_daemon '\x08\x01\x10\x01\x18\x00\x72\x0ba\tb\e[2Jc\nd\n'
  client 0 log 12345678
  [ "$output" = $'a\tb\e[2Jc\nd' ]
  TERM=xterm script -qec "dpucc-client log 12345678" out >/dev/null
  grep -q $'^a\tb''\\x1b\[2Jc' out
  grep -q '^d' out
}

@test "an interrupt wipes the line of progress out" {
  command -v script >/dev/null || skip "no script(1)"
  scripted_daemon '\x08\x01\x32\x0b\x0a\x09compiling'
  # shellcheck disable=SC2016 # for the inner shell
  TERM=xterm timeout 20 script -qfec 'echo $$ >pid; exec dpucc-client build m.xmodel' out >/dev/null 3>&- &
  local runner=$! code=0
  wait_for grep -q 'compiling' out
  kill -TERM "$(cat pid)" # INT is ignored in the background
  wait "$runner" || code=$?
  [ "$code" = 143 ]
  # nothing is left of what was drawn
  grep -v '^Script' out | tr -d '\n' | grep -q $'\r\e\[K$'
}

@test "an outcome that the client does not know is no success" {
  scripted_daemon '\x08\x01\x10\x01\x18\x80\x02' # 256
  client 1 roots
}

@test "a full disk behind stdout is an error" {
  restart_with
  run -1 bash -c 'dpucc-client status >/dev/full'
  [[ $output == *"writing the output"* ]]
}

@test "a full disk behind the events" {
  restart_with DOUBLE_PROGRESS=1
  run -1 bash -c 'dpucc-client monitor >/dev/full'
  [[ $output == *"cannot be printed any more"*"writing the output: No space left on device"* ]]
}

@test "check is dpucc's" {
  run dpucc check m.xmodel
  local code=$status told=$output
  run dpucc-client check m.xmodel
  [ "$status" = "$code" ]
  [ "$output" = "$told" ]
  told=$(dpucc check --json m.xmodel) || true
  run dpucc-client --json check m.xmodel
  [ "$status" = "$code" ]
  [ "$output" = "$told" ]
}

@test "the client loads nothing that takes time" {
  # sanitizers bring their own
  ldd "$BIN/dpucc-client" | grep -q san && skip "built with a sanitizer"
  [ "$(ldd "$BIN/dpucc-client" | grep -c 'lib')" -le 4 ]
  run -1 bash -c "ldd '$BIN/dpucc-client' | grep -E 'uv|crypto|sqlite|json'"
}

@test "a second daemon is refused, the first one unharmed" {
  restart_with
  run -1 dpuccd
  [[ $output == *"another dpuccd serves this socket"* ]]
  client 0 status
}

@test "what its starter had open, the daemon does not hold" {
  daemon_start 9>"$SANDBOX/held"
  [ -z "$(find "/proc/$DAEMON/fd" -lname "$SANDBOX/held")" ]
}

@test "signals: HUP reads the configuration, TERM and INT stop with 0 and leave no socket" {
  local signal
  for signal in TERM INT; do
    restart_with
    kill -HUP "$DAEMON"
    wait_for stat_is reloads 1
    kill -$signal "$DAEMON"
    wait "$DAEMON"
    DAEMON=
    [ ! -e "$XDG_RUNTIME_DIR/dpucc/dpuccd.sock" ]
  done
}

@test "shutdown returns when the daemon is gone" {
  restart_with
  client 0 shutdown
  client 6 status
  wait "$DAEMON"
  DAEMON=
}

@test "arguments of the daemon" {
  run -2 dpuccd --bogus
  run -2 dpuccd operand
  run -0 dpuccd --help
  [[ $output == usage:* ]]
  run -0 dpuccd --version
  export DPUCC_SOCKET=$SANDBOX/other.sock
  daemon_start --socket "$DPUCC_SOCKET" --cache-dir "$SANDBOX/cache" -v
  client 0 status
  unset DPUCC_SOCKET
  client 6 status
  client 0 --socket "$SANDBOX/other.sock" status
  [ -d "$SANDBOX/cache" ] && [ ! -e "$CACHE" ]
}

@test "the service manager is told: ready, reloading, status, stopping, watchdog" {
  command -v python3 >/dev/null || skip "no python3"
  python3 - "$SANDBOX/notify" >notified 3>&- <<'PYTHON' &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    text = s.recv(4096).decode()
    print(text, flush=True)
    if "STOPPING=1" in text:
        break
PYTHON
  local listener=$!
  wait_for test -S "$SANDBOX/notify"
  export NOTIFY_SOCKET=$SANDBOX/notify WATCHDOG_USEC=100000
  daemon_start
  wait_for grep -q READY=1 notified
  wait_for grep -q 'STATUS=Idle; 0 workspaces' notified
  wait_for grep -q WATCHDOG=1 notified
  kill -HUP "$DAEMON"
  wait_for grep -q RELOADING=1 notified
  wait_for stat_is reloads 1
  daemon_stop
  wait "$listener"
  [ "$(grep -c READY=1 notified)" = 2 ]
}

@test "socket activation: the manager's socket is served, and left alone" {
  command -v systemd-socket-activate >/dev/null || skip "no systemd-socket-activate"
  mkdir -m 700 "$XDG_RUNTIME_DIR/dpucc"
  local socket=$XDG_RUNTIME_DIR/dpucc/dpuccd.sock
  systemd-socket-activate -l "$socket" -E HOME -E PATH -E XDG_RUNTIME_DIR \
    "$SANDBOX/bin/dpuccd" >>"$DAEMON_LOG" 2>&1 3>&- &
  DAEMON=$!
  wait_for test -S "$socket"
  client 0 status
  client 0 shutdown
  wait "$DAEMON"
  DAEMON=
  [ -S "$socket" ]
}

@test "workspaces beyond the end of a list are counted" {
  restart_with DOUBLE_ROOTS=257
  client 0 roots
  [ "${#lines[@]}" = 257 ]
  [ "${lines[-1]}" = "1 more workspace is not shown" ]
  restart_with DOUBLE_ROOTS=300
  client 0 status
  [ "${lines[-1]}" = "44 more workspaces are not shown" ]
  client 0 status --json
  [ "$(jq '(.roots | length), .n_roots_left_out' <<<"$output")" = $'256\n44' ]
  client 0 roots --json
  [ "$(jq '(.roots | length), .n_roots_left_out' <<<"$output")" = $'256\n44' ]
}

@test "report and diff are dpucc's, too" {
  arch_b1024
  rm -rf m.xmodel
  dpucc mkmodel lenet --seed 1 -o m.xmodel
  dpucc compile -x m.xmodel -a arch.json -o out -n net
  cmp <(dpucc report out/net.xmodel) <(dpucc-client --json report out/net.xmodel)
  cmp <(dpucc diff --json out/net.xmodel out/net.xmodel) \
    <(dpucc-client --json diff out/net.xmodel out/net.xmodel)
  run -1 dpucc-client diff m.xmodel m.xmodel
}
