#!/usr/bin/env bats
# The units, in a real service manager of an ordinary user.

bats_require_minimum_version 1.5.0

load helpers
load manager

setup() {
  sandbox_setup
  manager_start
}

teardown() {
  manager_stop
  sandbox_teardown
}

socket_inode() { stat -c %i "$XDG_RUNTIME_DIR/dpucc/dpuccd.sock"; }

# The installed dpucc, with a compiler that stops at a gate: see gate_compiler.
gate_installed() {
  local bin=$SANDBOX/stage/usr/local/bin
  mv "$bin/dpucc" "$bin/dpucc-real"
  cat >"$bin/dpucc" <<GATE
#!/bin/bash
if [ "\$1" = compile ]; then
  echo \$\$ >>"$WORK/started"
  until [ -e "$WORK/open" ]; do sleep 0.05; done
fi
exec /usr/local/bin/dpucc-real "\$@"
GATE
  chmod 755 "$bin/dpucc"
}

n_starts() { [ -e "$WORK/started" ] && [ "$(wc -l <"$WORK/started")" -ge "$1" ]; }

@test "enable --now: it runs, with its socket, says what it does, and works" {
  sc enable --now dpuccd
  [ "$(sc is-active dpuccd.service dpuccd.socket | sort -u)" = active ]
  [ "$(sc is-enabled dpuccd.service dpuccd.socket | sort -u)" = enabled ]
  wait_for property_is StatusText 'Idle; 0 workspaces'
  arch_b1024
  inside dpucc-client watch "$WORK"
  wait_for property_is StatusText 'Idle; 1 workspace'
  inside dpucc mkmodel lenet --seed 1 -o "$WORK/Net_int.xmodel"
  artifact=$(inside dpucc-client get --wait "$WORK/Net_int.xmodel")
  inside dpucc check --source "$WORK/Net_int.xmodel" "$artifact"
  # and delivers to where a project file says
  echo '{"models": [{"xmodel": "*_int.xmodel", "output_dir": "out"}]}' >"$SANDBOX/dpucc.json"
  cp "$SANDBOX/dpucc.json" "$WORK/dpucc.json"
  inside dpucc-client wait --all
  inside dpucc check --source "$WORK/Net_int.xmodel" "$WORK/out/Net.xmodel"
  [ "$(stat -c %a "$XDG_RUNTIME_DIR/dpucc" "$XDG_RUNTIME_DIR/dpucc/dpuccd.sock")" = $'700\n600' ]
}

@test "the socket alone: the first question starts the daemon" {
  sc enable --now dpuccd.socket
  property_is ActiveState inactive
  inside dpucc-client roots
  property_is ActiveState active
}

@test "restarted in the middle of a compile: the socket stays, the job is done, who waits gets it" {
  gate_installed
  sc enable --now dpuccd
  arch_b1024
  inside dpucc-client watch "$WORK"
  inside dpucc mkmodel lenet --seed 1 -o "$WORK/Net_int.xmodel"
  inside dpucc-client get --wait "$WORK/Net_int.xmodel" >"$SANDBOX/answer" 3>&- &
  client=$!
  wait_for n_starts 1
  wait_for property_is StatusText 'Compiling Net@b1024'
  before=$(property MainPID)
  inode=$(socket_inode)

  sc restart dpuccd
  [ "$(property MainPID)" != "$before" ]
  [ "$(socket_inode)" = "$inode" ]
  wait_for n_starts 2
  touch "$WORK/open"
  wait "$client"
  inside dpucc check --source "$WORK/Net_int.xmodel" "$(cat "$SANDBOX/answer")"
}

@test "a question that comes while it is down is answered when it is up again" {
  sc enable --now dpuccd
  inside dpucc-client watch "$WORK"
  kill -KILL "$(service_pid "$(property MainPID)")"
  run -0 inside dpucc-client roots
  [[ $output == *"$WORK"* ]]
  wait_for property_is NRestarts 1
  property_is ActiveState active
}

@test "reload reads the configuration; a bad one leaves the good one in force" {
  sc enable --now dpuccd
  before=$(property MainPID)
  echo '{ "concurrency": }' >"$HOME/.config/dpucc/dpuccd.json"
  run ! sc reload dpuccd
  grep -q 'the configuration stays as it was.*dpuccd.json: line 1' "$DAEMON_LOG"
  wait_for property_is ActiveState active
  echo '{ "concurrency": 1 }' >"$HOME/.config/dpucc/dpuccd.json"
  sc reload dpuccd
  grep -q 'configuration read' "$DAEMON_LOG"
  wait_for property_is ActiveState active
  property_is MainPID "$before"
}

@test "a daemon that hangs is started again by the watchdog" {
  drop_in watchdog WatchdogSec=8 TimeoutAbortSec=1 LimitCORE=0
  sc start dpuccd
  inside dpucc-client watch "$WORK"
  kill -STOP "$(service_pid "$(property MainPID)")"
  was_restarted() { [ "$(property NRestarts)" -ge 1 ]; }
  wait_for was_restarted
  run -0 inside dpucc-client roots
  [[ $output == *"$WORK"* ]]
}
