#!/usr/bin/env bats
# Files that want to hurt us: project files that are huge, deep, ambiguous or lead elsewhere; links
# and worse where something is to be written. And what must not be seen from outside.

load helpers

setup() {
  sandbox_setup
  arch_b1024
}

teardown() { sandbox_teardown; }

SECRET='precious, and none of anybody else'

safe() { [ "$(cat "$SANDBOX/secret")" = "$SECRET" ]; }

# seq, because bats follows each step of a loop
repeat() { # N FORMAT, with one %.0f
  seq -f "$2" -s '' "$1"
}

says() { # WORDS: in one line of status, about dpucc.json
  local lines
  lines=$(dpucc-client status 2>&1 | grep '^warning: .*dpucc[.]json')
  [ "$(wc -l <<<"$lines")" -eq 1 ] && grep -qF -- "$1" <<<"$lines"
}

# expect WORDS: dpucc.json is refused with one line that a terminal can take, what was in force stays,
# and the daemon lives
expect() {
  wait_for says "$1" || {
    dpucc-client status
    return 1
  }
  dpucc-client status >"$SANDBOX/said"
  LC_ALL=C without grep -q '[[:cntrl:]]' "$SANDBOX/said"
  grep -q 'kept@b1024' "$SANDBOX/said"
  dpucc-client roots >/dev/null
}

@test "hostile project files: one line each, the old one in force, and the daemon lives" {
  echo '{"models": [{"xmodel": "Net_int.xmodel", "net_name": "kept"}]}' >dpucc.json
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  echo "$SECRET" >"$SANDBOX/secret"
  daemon_start
  dpucc-client watch "$WORK"
  dpucc-client wait --all
  memory=$(awk '/VmRSS/ {print $2}' "/proc/$DAEMON/status")

  printf '{"ignore": ["%s"]}' "$(head -c 200000 /dev/zero | tr '\0' x)" >dpucc.json
  expect 'ignore[0]'
  { echo '{'; head -c 3000000 /dev/zero | tr '\0' ' '; echo '}'; } >dpucc.json
  expect 'more than the 1048576 bytes allowed'
  head -c 100000 /dev/zero | tr '\0' '[' >dpucc.json
  expect 'line 1'
  echo '{"models": [], "models": [{"xmodel": "Net_int.xmodel", "net_name": "other"}]}' >dpucc.json
  expect 'models'
  echo '{"models": [{"xmodel": "/etc/Net_int.xmodel"}]}' >dpucc.json
  expect 'models[0].xmodel: "/etc/Net_int.xmodel" leads out of the workspace'
  echo '{"models": [{"xmodel": "Net_int.xmodel", "output_dir": "a/../../b"}]}' >dpucc.json
  expect 'models[0].output_dir: "a/../../b" leads out of the workspace'
  echo '{"models": [{"xmodel": "Net_int.xmodel", "net_name": "a\u001b[31m\u0007b"}]}' >dpucc.json
  expect 'models[0].net_name'
  echo '{"models": [{"xmodel": "Net_int.xmodel", "\u001b]0;title\u0007": 1}]}' >dpucc.json
  expect 'models[0]'
  printf '{"targets": {%s "x": "arch.json"}}' "$(repeat 10000 '"t%.0f": "arch.json",')" >dpucc.json
  expect 'targets: more than 256 targets'
  printf '{"models": [%s {}]}' "$(repeat 10000 '{"xmodel": "m%.0f.xmodel"},')" >dpucc.json
  expect 'models: 10001 elements, more than the 1024 allowed'
  echo '{"toolchains": {"x": {"kind": "native", "path": "/bin/sh"}}}' >dpucc.json
  expect 'a project file cannot define toolchains'

  # it is no file at all, or somebody else's
  rm dpucc.json
  mkdir dpucc.json
  dpucc-client wait --all || true
  dpucc-client roots >/dev/null
  rmdir dpucc.json
  mkfifo dpucc.json
  dpucc-client wait --all || true
  dpucc-client roots >/dev/null
  rm dpucc.json
  ln -s /dev/zero dpucc.json
  dpucc-client wait --all || true
  dpucc-client roots >/dev/null
  ln -sf "$SANDBOX/secret" dpucc.json
  wait_for says 'line 1'
  dpucc-client status >"$SANDBOX/said"
  without grep -qF "$SECRET" "$SANDBOX/said"
  rm dpucc.json

  # where matching could take for ever
  stars=$(printf '*a%.0s' {1..60})
  deep=$(printf 'aaa/%.0s' {1..30})
  printf '{"models": [{"xmodel": "**/%s*b.xmodel"}], "ignore": ["**/%s*c"]}' "$stars" "$stars" \
    >dpucc.json
  mkdir -p "$deep"
  cp Net_int.xmodel "$deep$(printf 'a%.0s' {1..200}).xmodel"
  run dpucc-client --timeout 60 wait --all
  [ "$status" -eq 4 ] # at once: there is no such file
  dpucc-client --timeout 60 get --wait Net_int.xmodel >/dev/null
  [ "$(awk '/VmRSS/ {print $2}' "/proc/$DAEMON/status")" -lt $((memory + 262144)) ]
  safe
}

@test "links in the place of what is to be written are replaced, not followed" {
  echo "$SECRET" >"$SANDBOX/secret"
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  mkdir out
  for way in 'ln -s' 'ln'; do
    for name in copy.xmodel copy.d page.html model.xmodel out/net.xmodel out/meta.json out/md5sum.txt; do
      rm -f "$name"
      $way "$SANDBOX/secret" "$name"
    done
    dpucc-client --no-daemon get --wait -o copy.xmodel --depfile copy.d Net_int.xmodel
    safe
    dpucc mkmodel lenet --seed 2 -o model.xmodel
    safe
    dpucc compile -x Net_int.xmodel -a arch.json -o out -n net
    safe
    dpucc report --html -o page.html out/net.xmodel
    safe
    for name in copy.xmodel copy.d page.html model.xmodel out/net.xmodel out/meta.json out/md5sum.txt; do
      [ ! -L "$name" ] && [ ! "$name" -ef "$SANDBOX/secret" ] && [ -s "$name" ]
    done
  done

  # nor is a project file written where something is
  ln -s "$SANDBOX/secret" dpucc.json
  run dpucc init --write
  [ "$status" -ne 0 ]
  safe
}

@test "devices and FIFOs stay what they are" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  mkfifo pipe
  ln -s /dev/null null
  for place in pipe null; do
    run dpucc-client --no-daemon get --wait -o "$place" Net_int.xmodel
    [ "$status" -ne 0 ]
    run dpucc-client --no-daemon get --wait --depfile "$place" Net_int.xmodel
    [ "$status" -ne 0 ]
    run dpucc mkmodel lenet --seed 2 -o "$place"
    [ "$status" -ne 0 ]
    [[ $output == *"$place: not a regular file"* ]]
  done
  [ -p pipe ] && [ -L null ] && [ -c /dev/null ]

  # as /dev/stdout is one, while the standard output is a file
  ln -s /proc/self/fd/1 stdout
  for option in -o --depfile; do
    run bash -c "dpucc-client --no-daemon get --wait $option stdout Net_int.xmodel >file"
    [ "$status" -eq 1 ]
    [[ $output == *"stdout: not a regular file"* ]]
    [ -L stdout ] && [ -f file ] && [ ! -s file ]
  done
  run bash -c 'dpucc mkmodel lenet --seed 2 -o stdout >file'
  [ "$status" -ne 0 ] && [ -L stdout ]
}

@test "the daemon's environment reaches no compiler, no log and no file" {
  export DPUCC_E2E_TOKEN="$SECRET"
  gate_compiler
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  daemon_start
  unset DPUCC_E2E_TOKEN
  dpucc-client watch "$WORK"
  wait_for n_started 1
  compiler=$(head -n 1 "$SANDBOX/started")
  without grep -qaF "$SECRET" "/proc/$compiler/environ" "/proc/$compiler/cmdline"
  touch "$SANDBOX/open"
  dpucc-client wait --all
  daemon_stop
  without grep -rqaF "$SECRET" "$DAEMON_LOG" "$CACHE" "$HOME/.local"
}
