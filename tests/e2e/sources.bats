#!/usr/bin/env bats
# What is a source, and what is told apart: one line with the file's name and the reason, and
# the daemon carries on.

load helpers

setup() {
  sandbox_setup
  arch_b1024
  daemon_start
  dpucc-client watch "$WORK"
}

teardown() { sandbox_teardown; }

# refused FILE WORD: get says why (exit 5), the log has one line with the file's name
refused() {
  run dpucc-client get --wait "$1"
  echo "$output"
  [ "$status" -eq 5 ]
  [[ $output == *"$1"* ]]
  grep -qi -- "$2" <<<"$output"
  dpucc-client roots >/dev/null
}

@test "empty, garbage, text, truncated, LFS pointer" {
  : >empty.xmodel
  refused empty.xmodel empty
  head -c 4096 /dev/urandom >garbage.xmodel
  refused garbage.xmodel 'not an XIR'
  echo 'hello, world' >text.xmodel
  refused text.xmodel 'not an XIR'
  dpucc mkmodel lenet --seed 1 -o "$SANDBOX/whole"
  head -c 50000 "$SANDBOX/whole" >cut.xmodel
  refused cut.xmodel 'cut short'
  printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12345\n' 0 >lfs.xmodel
  refused lfs.xmodel 'git lfs pull'
  expect_stat jobs_started 0
}

@test "hostile files: length bombs and deep nesting" {
  # op_node of 2^60 bytes; a subgraph in a subgraph, 10,000 deep
  printf '\x0a\x01a\x2a\x80\x80\x80\x80\x80\x80\x80\x80\x10' >bomb.xmodel
  python3 - <<'PY' >deep.xmodel
import sys
def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128]); n >>= 7
    return out + bytes([n])
body = b""
for _ in range(10000):
    body = b"\x52" + varint(len(body)) + body
sys.stdout.buffer.write(b"\x0a\x01a" + body)
PY
  refused bomb.xmodel ''
  refused deep.xmodel ''
  expect_stat jobs_started 0
}

@test "our own artifact in a watched folder is no source" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  cp "$(dpucc-client get --wait Net_int.xmodel)" deployed.xmodel
  dpucc-client wait --all || true
  refused deployed.xmodel compiled
  expect_stat jobs_started 1
}

@test "outputs delivered into the workspace never trigger anything" {
  cat >dpucc.json <<'JSON'
{ "models": [ { "xmodel": "Net_int.xmodel", "net_name": "net", "output_dir": "out/{target}" } ] }
JSON
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client wait --all
  [ -f out/b1024/net.xmodel ]
  [ "$(md5sum <out/b1024/net.xmodel | cut -c1-32)" = "$(cat out/b1024/md5sum.txt)" ]
  dpucc-client wait --all
  expect_stat jobs_started 1
  run dpucc-client status --json
  [ "$(jq '[.units[] | select(.state == "ready")] | length' <<<"$output")" = 1 ]
}

@test "delivered files follow the umask of the daemon's start, the cache stays private" {
  cat >dpucc.json <<'JSON'
{ "models": [ { "xmodel": "Net_int.xmodel", "net_name": "net", "output_dir": "out/deep" } ] }
JSON
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client get --wait Net_int.xmodel
  expected=$(umask)
  [ "$(stat -c %a out/deep/net.xmodel)" = "$(printf %o $((0666 & ~expected)))" ]
  [ "$(stat -c %a out/deep)" = "$(printf %o $((0777 & ~expected)))" ]
  [ "$(stat -c %a "$CACHE")" = 700 ]
}

@test "a foreign file in the way of a delivery is not touched" {
  mkdir -p out
  echo mine >out/net.xmodel
  cat >dpucc.json <<'JSON'
{ "models": [ { "xmodel": "Net_int.xmodel", "net_name": "net", "output_dir": "out" } ] }
JSON
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client wait --all || true
  [ "$(cat out/net.xmodel)" = mine ]
  dpucc-client status | grep -q 'out/net.xmodel'
  # the artifact is there all the same
  dpucc-client get --wait Net_int.xmodel
}

@test "a delivered file that was deleted is restored" {
  cat >dpucc.json <<'JSON'
{ "models": [ { "xmodel": "Net_int.xmodel", "net_name": "net", "output_dir": "out" } ] }
JSON
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client wait --all
  rm out/net.xmodel
  dpucc-client get --wait Net_int.xmodel
  [ -f out/net.xmodel ]
  expect_stat jobs_started 1
}

@test "a broken project file leaves the old one in force and says where it is broken" {
  cat >dpucc.json <<'JSON'
{ "models": [ { "xmodel": "Net_int.xmodel", "net_name": "one" } ] }
JSON
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client wait --all
  echo '{ "models": [ { "xmodel": "Net_int.xmodel", "net_name": "../two" } ] }' >dpucc.json
  wait_for sees_problem 'models\[0\].net_name'
  dpucc-client status | grep -q 'one@b1024'
  echo '{ "models": [ { "xmodel": "Net_int.xmodel", "net_name": "two" } ] }' >dpucc.json
  dpucc-client get --wait Net_int.xmodel | grep -q '/two/two.xmodel'
}

sees_problem() { dpucc-client status | grep -q "$1"; }

@test "names with spaces, newlines and bytes that are no UTF-8" {
  for name in 'a b' $'new\nline' $'\xff\xfe'; do
    dpucc mkmodel lenet --seed 1 -o "${name}_int.xmodel"
    artifact=$(dpucc-client get --wait "${name}_int.xmodel") || true
    dpucc-client status >/dev/null
    dpucc-client status --json | jq . >/dev/null
  done
  [ -n "$artifact" ]
}

unit_is_done() { # FILE
  dpucc-client status --json |
    jq -e --arg path "$WORK/$1" '.units[] | select(.source_path == $path) | .state == "ready"'
}

@test "a save that nobody could read for want of descriptors is read when there are some" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client wait --all
  dpucc mkmodel lenet --seed 2 -o "$SANDBOX/new"
  prlimit --pid "$DAEMON" --nofile=3:
  cp "$SANDBOX/new" Other_int.xmodel
  wait_for grep -q 'Other_int.xmodel: could not be read, will be tried again' "$DAEMON_LOG"
  prlimit --pid "$DAEMON" --nofile=1024:
  wait_for unit_is_done Other_int.xmodel
  unit_is_done Net_int.xmodel
}
