#!/usr/bin/env bats
# What shells complete, asked as they ask and typed as a person types.

load helpers

bats_require_minimum_version 1.5.0

setup() {
  sandbox_setup
  SCRIPTS=$SOURCE/packaging/completions
}

teardown() {
  if [ -e "$SANDBOX/tmux" ]; then tmux -S "$SANDBOX/tmux" kill-server || true; fi
  sandbox_teardown
}

offers() { dpucc-client complete "$@" | cut -f1; }

# A workspace with unet@leopard and unet@antelope.
workspace() {
  arch_b1024 arch-leopard.json
  arch_b1024 arch-antelope.json
  dpucc mkmodel lenet -o unet_int.xmodel
  daemon_start
  dpucc-client watch .
  dpucc-client wait
}

@test "commands, and the options that help names, of both programs" {
  [ "$(offers dpucc-client pa)" = pause ]
  [ "$(offers dpucc-client --timeout 3 pa)" = pause ]
  [ "$(offers dpucc insp)" = inspect ]
  local program command named
  for program in dpucc-client dpucc; do
    local n=0
    [ "$(offers $program '' | grep -vx help)" = "$($program --help |
      sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | grep -vx help)" ]
    for command in $($program --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
      named=$($program "$command" --help | grep -oE '^ +(-[a-zA-Z], )?--[a-z0-9_-]+' |
        grep -oE -- '--.*' | sort -u)
      [ "$(comm -23 <(echo "$named") <(offers $program "$command" -- | sort -u))" = '' ]
      n=$((n + 1))
    done
    [ $n -ge 15 ]
  done
  # and before a command
  [[ $(offers dpucc-client --no) == --no-daemon ]]
  run -2 dpucc-client complete
  run -2 dpucc-client complete vi x
}

@test "models, targets, units, keys, roots and toolchains, from the daemon" {
  workspace
  local key
  [ "$(offers dpucc-client show u | sort | tr '\n' ' ')" = ':files .xmodel unet@antelope unet@leopard ' ]
  [ "$(offers dpucc-client get unet@l)" = $'unet@leopard\n:files .xmodel' ]
  [ "$(offers dpucc-client get unet_int.xmodel --target '' | sort | tr '\n' ' ')" = 'antelope leopard ' ]
  [ "$(offers dpucc-client get --target ant)" = antelope ]
  key=$(dpucc-client list --json | jq -r '.artifacts[0].key')
  [ "$(offers dpucc-client log "${key:0:3}")" = "${key:0:12}"$'\n:files .xmodel' ]
  [ "$(offers dpucc-client log "${key:0:20}")" = "$key"$'\n:files .xmodel' ]
  dpucc-client complete dpucc-client log "${key:0:3}" | grep -qF "${key:0:12}"$'\tunet@'
  [ "$(offers dpucc-client unwatch /)" = "$WORK" ]
  [ "$(offers dpucc-client get --toolchain d)" = dpucc ]
  [ "$(offers dpucc-client watch '')" = :directories ]
  [ "$(offers dpucc-client build --arch '')" = ':files .json' ]
  [ "$(offers dpucc check '')" = ':files ' ]
}

@test "without a daemon, and with one that does not answer, nothing hangs" {
  [ "$(offers dpucc-client show u)" = ':files .xmodel' ]
  workspace
  kill -STOP "$DAEMON"
  [ "$(timeout 20 dpucc-client complete dpucc-client show u)" = ':files .xmodel' ]
  kill -CONT "$DAEMON"
}

# The line as it stands in a shell after KEYS; a shell is ready when it shows its prompt.
typed() { # SHELL-COMMAND KEYS WANTED
  local tm=(tmux -u -S "$SANDBOX/tmux" -f /dev/null)
  # a server ends with its last session, and another one could not start meanwhile
  "${tm[@]}" has-session -t keep 2>/dev/null || "${tm[@]}" new-session -d -s keep 'exec sleep 1000' 3>&-
  "${tm[@]}" new-session -d -s shell -x 120 -y 30 "$1" 3>&-
  wait_for shows_line '^%%'
  "${tm[@]}" send-keys -t shell -l "$2"
  "${tm[@]}" send-keys -t shell Tab
  wait_for shows_line "^%% $3" || {
    tmux -S "$SANDBOX/tmux" capture-pane -p -t shell
    "${tm[@]}" kill-session -t shell
    return 1
  }
  "${tm[@]}" kill-session -t shell
}

shows_line() { tmux -S "$SANDBOX/tmux" capture-pane -p -t shell | sed 's/ *$//' | grep -qE -- "$1"; }

all_typed() { # SHELL-COMMAND
  mkdir -p 'a dir/below'
  cp unet_int.xmodel 'a dir/spaced model_int.xmodel'
  typed "$1" 'dpucc-client statu' 'dpucc-client status$'
  typed "$1" 'dpucc-client get --targ' 'dpucc-client get --target$'
  typed "$1" 'dpucc-client show unet@leo' 'dpucc-client show unet@leopard$'
  typed "$1" 'dpucc-client get --target ant' 'dpucc-client get --target antelope$'
  typed "$1" 'dpucc-client watch a\ d' 'dpucc-client watch a\\ dir/$'
  typed "$1" 'dpucc-client build a\ dir/sp' 'dpucc-client build a\\ dir/spaced\\ model_int.xmodel$'
}

@test "bash, typed" {
  command -v tmux >/dev/null || skip "no tmux"
  workspace
  printf '%s\n' "PS1='%% '" ". '$SCRIPTS/dpucc.bash'" >"$SANDBOX/rc"
  all_typed "bash --noprofile --rcfile '$SANDBOX/rc' -i"
}

@test "zsh, typed" {
  command -v tmux >/dev/null || skip "no tmux"
  command -v zsh >/dev/null || skip "no zsh"
  workspace
  mkdir "$SANDBOX/z"
  printf '%s\n' "PS1='%%%% '" "fpath=('$SCRIPTS' \$fpath)" 'autoload -Uz compinit' "compinit -u -d '$SANDBOX/z/dump'" >"$SANDBOX/z/.zshrc"
  all_typed "ZDOTDIR='$SANDBOX/z' zsh -d -i"
}

@test "fish, typed" {
  command -v tmux >/dev/null || skip "no tmux"
  command -v fish >/dev/null || skip "no fish"
  workspace
  mkdir -p "$HOME/.config/fish"
  {
    echo 'set -g fish_greeting'
    echo 'set -g fish_autosuggestion_enabled 0'
    echo 'function fish_prompt; echo -n "%% "; end'
    echo "source '$SCRIPTS/dpucc.fish'"
  } >"$HOME/.config/fish/config.fish"
  all_typed 'fish -i'
}
