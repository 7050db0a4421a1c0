#!/usr/bin/env bats
# What docs/JSON.md says is what is printed: its tables are the data of this test.

load helpers

bats_require_minimum_version 1.5.0

setup() {
  sandbox_setup
  PAGE=$SOURCE/docs/JSON.md
  SEEN=$SANDBOX/seen
}

teardown() { sandbox_teardown; }

# Runs dpucc-client --json COMMAND ..., wants exit status CODE and a document as the page says.
conforms() { # CODE COMMAND [ARGUMENT ...]
  local code=0
  dpucc-client --json "${@:2}" >"$SANDBOX/document" 2>"$SANDBOX/said" || code=$?
  [ $code = "$1" ] || {
    echo "exit status $code: $2"
    cat "$SANDBOX/document" "$SANDBOX/said"
    return 1
  }
  case $2 in
  version | init | check | diff | monitor) "$TEST_SUPPORT/json-conforms" "$PAGE" "$2" bare <"$SANDBOX/document" ;;
  *)
    "$TEST_SUPPORT/json-conforms" "$PAGE" "$2" <"$SANDBOX/document"
    [ "$(jq .code "$SANDBOX/document")" = $code ]
    ;;
  esac || {
    cat "$SANDBOX/document"
    return 1
  }
  echo "$2" >>"$SEEN"
}

@test "every command, when it works" {
  local net=unet@b1024 key
  arch_b1024
  dpucc mkmodel lenet -o unet_int.xmodel
  echo nothing >broken.xmodel
  conforms 0 init --write
  daemon_start
  mkfifo "$SANDBOX/events"
  dpucc-client --json monitor >"$SANDBOX/events" &
  local monitor=$! line
  exec 8<"$SANDBOX/events"
  read -r line <&8
  [ "$(jq -r .kind <<<"$line")" = monitoring ]
  conforms 0 watch .
  conforms 0 wait --all
  conforms 0 wait
  conforms 0 status
  conforms 0 roots
  conforms 0 get $net
  conforms 0 build unet_int.xmodel --arch arch.json
  conforms 0 list
  conforms 0 show $net
  conforms 0 show unet_int.xmodel
  conforms 0 log $net
  conforms 0 why $net
  conforms 0 pin $net
  conforms 0 unpin $net
  conforms 0 gc
  conforms 0 fsck
  conforms 0 stats
  conforms 0 reload
  conforms 0 pause
  arch_b1024 arch-second.json
  conforms 0 status
  conforms 0 resume
  conforms 0 wait
  conforms 0 doctor --toolchain dpucc
  conforms 1 doctor # the container of this sandbox is none
  conforms 0 version
  key=$(dpucc-client --json list | jq -r '.artifacts[0].key')
  conforms 0 why "${key:0:8}"
  local made
  made=$(dpucc-client get unet@b1024)
  cp "$made" old.xmodel
  dpucc mkmodel lenet --seed 4 -o unet_int.xmodel
  conforms 0 get --wait --target b1024 unet_int.xmodel
  conforms 0 why $net
  jq -e '.changes | length > 0' "$SANDBOX/document"
  conforms 0 check "$made" --arch arch.json
  conforms 0 diff old.xmodel "$(dpucc-client get unet@b1024)"
  conforms 0 adopt "$(dpucc-client get unet@b1024)" --source unet_int.xmodel --arch arch.json \
    --toolchain dpucc || [ "$(jq -r .outcome "$SANDBOX/document")" != done ]
  echo adopt >>"$SEEN"
  dpucc-client --json report $net >report
  [ "$(comm -3 <(jq -r 'keys[]' report | sort) \
    <(sed -nE '/^\.It Li /{s///;s/ , /\n/;p}' "$SOURCE/docs/man/report.json.5.in" | sort))" = '' ]
  conforms 0 unwatch .
  conforms 0 shutdown
  wait "$DAEMON"
  DAEMON=
  # all that was told meanwhile
  cat <&8 >"$SANDBOX/told"
  wait $monitor || [ $? = 1 ]
  "$TEST_SUPPORT/json-conforms" "$PAGE" monitor bare < <(sed '/"outcome": "failed", "code"/d; /^{$/,$d' "$SANDBOX/told")
  [ "$(grep -c '"kind"' "$SANDBOX/told")" -gt 5 ]
  printf '%s\n' monitor cancel report complete >>"$SEEN"
  # none was forgotten
  [ "$(comm -23 <(dpucc-client --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | sort) \
    <(sort -u "$SEEN"))" = '' ]
}

@test "every answer, when it does not work" {
  conforms 6 status
  conforms 5 get nothing
  daemon_start
  conforms 5 show nothing@nowhere
  conforms 5 why nothing@nowhere
  conforms 5 log nothing@nowhere
  conforms 5 pin nothing@nowhere
  conforms 5 status /nonexistent
  conforms 5 unwatch /nonexistent
  conforms 5 watch /nonexistent
  conforms 5 cancel nothing@nowhere
  echo nothing >text.xmodel
  arch_b1024
  conforms 5 build text.xmodel --arch arch.json
  conforms 1 check text.xmodel
  # what runs can be cancelled, and that is told
  dpucc mkmodel lenet -o a_int.xmodel
  dpucc-client pause
  dpucc-client build a_int.xmodel --arch arch.json >/dev/null 2>&1 3>&- &
  wait_for one_waits
  conforms 0 status
  conforms 3 get a_int.xmodel --arch arch.json
  conforms 0 cancel a_int.xmodel
  wait $! || true
}

one_waits() { [ "$(dpucc-client --json status | jq '.jobs | length')" = 1 ]; }

@test "the page has every member that the wire has" {
  local name
  # messages whose tables have their names
  for name in Unit Job Root Artifact Basis StatId KeyField KeyChange Finding Defect Histogram Bucket; do
    diff <(sed -n "/^message $name {/,/^}/p" "$SOURCE/lib/proto/dpucc.proto" |
      sed -nE 's/^ +(required|optional|repeated) [A-Za-z0-9]+ ([a-z0-9_]+) = .*/\2/p' | sort) \
      <(awk -v n="### $name" '$0 == n {on = 1; next} /^### / {on = 0} on && /^\| `/ {gsub(/[|` ]/, " "); print $1}' "$PAGE" | sort)
  done
}
