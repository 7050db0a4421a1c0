#!/usr/bin/env bats
# What a person sees: the screen of a terminal (tmux) after a command.

load helpers

bats_require_minimum_version 1.5.0

setup() {
  command -v tmux >/dev/null || skip "no tmux"
  sandbox_setup
}

teardown() {
  if [ -e "$SANDBOX/tmux" ]; then tmux -S "$SANDBOX/tmux" kill-server || true; fi
  sandbox_teardown
}

# Runs COMMAND on a terminal of that size; SCREEN is then what it shows, without blank rows.
on_screen() { # COLUMNS ROWS COMMAND
  rm -f "$SANDBOX/shown"
  tmux -u -S "$SANDBOX/tmux" -f /dev/null new-session -d -s "s$1x$2" -x "$1" -y "$2" \
    "$3; echo \$? >'$SANDBOX/shown'; exec sleep 1000" 3>&-
  wait_for test -s "$SANDBOX/shown"
  # the program is through; tmux may still have to read what it wrote
  wait_for captured "s$1x$2"
  echo "$SCREEN"
}

captured() { # SESSION
  local once
  once=$(tmux -S "$SANDBOX/tmux" capture-pane -p -t "$1")
  SCREEN=$(tmux -S "$SANDBOX/tmux" capture-pane -p -t "$1")
  [ -n "$SCREEN" ] && [ "$once" = "$SCREEN" ]
}

rows() { wc -l <<<"$SCREEN"; }
widest() { wc -L <<<"$SCREEN"; }

# A compiler that always fails, and one that waits for the file $SANDBOX/open.
unlike_compilers() {
  install_double "$SANDBOX/broken"
  sed -i 's/^mode=.*/mode=fatal:XCOM_DATA_OUTRANGE/' "$SANDBOX/broken/bin/vai_c_xir"
  install_double "$SANDBOX/slow"
  sed -i "s|^mode=.*|touch '$SANDBOX/started'; until [ -e '$SANDBOX/open' ]; do sleep 0.05; done; mode=good|" \
    "$SANDBOX/slow/bin/vai_c_xir"
  configure "$(jq -n --arg dir "$SANDBOX" '{toolchain: "dpucc", concurrency: 1, toolchains: {
    broken: {kind: "native", conda: ($dir + "/broken")},
    slow: {kind: "native", conda: ($dir + "/slow")}}}')"
}

model() { # FILE
  mkdir -p "$(dirname "$1")"
  SEED=$((${SEED:-0} + 1))
  dpucc mkmodel lenet --seed $SEED -o "$1"
}

# Twenty units in three workspaces: ten that are ready (five nets for two boards), three that
# failed, one over its limit, two without a target, one that compiles and two that wait, one whose name is not ASCII.
team() {
  local i
  unlike_compilers
  mkdir -p release/boards
  arch_b1024 release/boards/leopard.json
  arch_b1024 release/boards/antelope.json
  for i in 1 2 3 4 5; do model "release/q/net${i}_int.xmodel"; done
  jq -n '{targets: {leopard: "boards/leopard.json", antelope: "boards/antelope.json"},
    models: [{xmodel: "q/*.xmodel"}]}' >release/dpucc.json
  arch_b1024 release/boards/arch.json
  for i in a b c; do model "labor/q/bad_${i}_int.xmodel"; done
  model labor/q/fat_int.xmodel
  model "labor/q/größe_模型_int.xmodel"
  arch_b1024 labor/arch.json
  jq -n '{models: ([("a", "b", "c") | {xmodel: "q/bad_\(.)_int.xmodel", toolchain: "broken"}] +
    [{xmodel: "q/fat_int.xmodel", limits: {cpu_ops: []}}])}' >labor/dpucc.json
  model new/lost_int.xmodel
  model new/stray_int.xmodel
  for i in 1 2 3; do model "new/q/wait${i}_int.xmodel"; done
  arch_b1024 new/q/arch.json
  jq -n '{models: [{xmodel: "q/*.xmodel", toolchain: "slow"}]}' >new/dpucc.json
  cp new/lost_int.xmodel new/x && head -c 50 new/x >new/cut.xmodel && rm new/x
  daemon_start
  dpucc-client watch release
  dpucc-client watch labor
  dpucc-client wait --all || true
  dpucc-client watch new
  wait_for team_is_ready
}

states() { dpucc-client status --json | jq -r '[.units[].state] | sort | group_by(.) | map("\(.[0]) \(length)") | join(", ")'; }
team_is_ready() {
  [ "$(states)" = "compiling 1, failed 3, no-target 2, not-source 1, over-limit 1, queued 2, ready 11" ]
}

# Does the screen have this row? Blanks do not count.
row() { # TEXT
  sed -E 's/ +/ /g; s/^ //; s/ $//' <<<"$SCREEN" | grep -qxF -- "$1" || {
    echo "no row: $1"
    return 1
  }
}

first_row() { # TEXT -> its number, blanks as they are
  grep -nF -m1 -- "$1" <<<"$SCREEN" | cut -d: -f1
}

@test "a team's workspaces on 80x24: problems first, the newest on top; other sizes; a pipe" {
  team
  on_screen 80 24 'dpucc-client status'
  [ "$(rows)" -le 23 ]
  [ "$(widest)" -le 80 ]
  row 'dpuccd 0.1.0: 6 problems, 11 ready, 1 compiling, 2 waiting'
  # the last that failed comes before those that failed earlier, reasons end where the screen does
  local newest
  newest=$(dpucc-client status --json |
    jq -r '[.units[] | select(.state == "failed")] | sort_by(.elapsed_ms)[0].name')
  [ "$(first_row "$newest")" -lt "$(first_row 'größe_模型')" ]
  [ "$(grep -c '  bad_.@b1024  *failed  *q/bad_._int.xmodel$' <<<"$SCREEN")" = 3 ]
  [ "$(grep -m1 '  bad_' <<<"$SCREEN")" = "$(grep "  $newest" <<<"$SCREEN")" ]
  [ "$(grep -c 'fatal error XCOM_DATA_OUTRANGE.*\.\.\.$' <<<"$SCREEN")" = 3 ]
  row 'fat@b1024 over limit q/fat_int.xmodel'
  row 'größe_模型@b1024 ready q/größe_模型_int.xmodel'
  row 'stray no target stray_int.xmodel'
  [ "$(grep -cE '  wait.@b1024 +(compiling +for .*s|queued +number [12])$' <<<"$SCREEN")" = 3 ]
  [ "$(grep -cE 'watching, 5 models' <<<"$SCREEN")" = 3 ]
  row "'dpucc-client status | less' shows all of it"
  # wide characters line up with the others
  local fat wide
  fat=$(grep -F 'fat@b1024' <<<"$SCREEN")
  wide=$(grep -F 'größe' <<<"$SCREEN")
  [ "$(wc -L <<<"${fat%%over limit*}")" = "$(wc -L <<<"${wide%%ready*}")" ]

  # the same on screens of other sizes
  on_screen 120 60 'dpucc-client status'
  row 'net1@{antelope,leopard} ready q/net1_int.xmodel'
  [ "$(grep -c 'ready' <<<"$SCREEN")" = 7 ]
  row "'dpucc-client log NAME' has the compiler's words"
  run ! grep -qF '...' <<<"$SCREEN"
  on_screen 60 16 'dpucc-client status'
  [ "$(rows)" -le 15 ]
  [ "$(widest)" -le 60 ]
  row 'dpuccd 0.1.0: 6 problems, 11 ready, 1 compiling, 2 waiting'
  grep -q 'and 3 more with a problem' <<<"$SCREEN"
  on_screen 25 50 'dpucc-client status'
  [ "$(widest)" -le 25 ]
  on_screen 8 8 'dpucc-client status'
  [ "$(widest)" -le 8 ]
  # one workspace
  on_screen 100 30 'dpucc-client status release'
  [ "$(grep -c watching <<<"$SCREEN")" = 1 ]
  [ "$(rows)" = 7 ]
  # a pipe gets each unit on a line of its own, whatever the terminal
  [ "$(COLUMNS=20 dpucc-client status | grep -c 'net.@.* ready  *dpucc  *q/net._int.xmodel$')" = 10 ]
  # a terminal that cannot move its cursor is treated like one
  on_screen 100 50 'TERM=dumb dpucc-client status'
  [ "$(grep -c 'net.@.* ready' <<<"$SCREEN")" = 10 ]
}

shows() { # SESSION REGEX
  captured "$1" && grep -qE "$2" <<<"$SCREEN"
}

@test "a build on a terminal: phase, time, place in the queue, and nothing of it stays" {
  unlike_compilers
  model a_int.xmodel
  model b_int.xmodel
  arch_b1024
  daemon_start
  local tm=(tmux -u -S "$SANDBOX/tmux" -f /dev/null) n
  for n in a b; do
    "${tm[@]}" new-session -d -s $n -x 40 -y 10 \
      "dpucc-client --toolchain slow build ${n}_int.xmodel -a arch.json; echo code \$?; exec sleep 1000" 3>&-
    if [ $n = a ]; then wait_for shows a '^compiling  [0-9.]+ s$'; fi
  done
  # it is wider than this terminal, and stays on its line
  wait_for shows b '^queued, number 1 in the queue  [0-9.]+ s'
  [ "$(rows)" = 1 ]
  touch "$SANDBOX/open"
  for n in a b; do
    wait_for shows $n '^code 0$'
    echo "$SCREEN"
    run ! grep -qE 'compiling|queue' <<<"$SCREEN"
    # after the notes, the path as a script gets it
    [[ $(tr -d '\n' <<<"$SCREEN") == *"$CACHE/views/$(key_of $n)/$n/$n.xmodelcode 0" ]]
  done
}

key_of() { dpucc-client list --json | jq -r --arg n "$1" '.artifacts[] | select(.net_name == $n).key'; }
