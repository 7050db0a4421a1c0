#!/usr/bin/env bats
# Damage to every kind of file that the cache keeps: found, quarantined, healed, and never served.

load helpers

setup() {
  sandbox_setup
  arch_b1024
}

teardown() { sandbox_teardown; }

# the file that a name below the cache directory means
only_object() { # ROLE-INDEX -> path of the .xmodel's object
  readlink -f "$1"
}

flip() { # FILE: one bit, somewhere in the middle, whatever its mode
  python3 - "$1" <<'PY'
import os, sys
path = sys.argv[1]
mode = os.stat(path).st_mode & 0o777
os.chmod(path, 0o600)
with open(path, "r+b") as f:
    size = os.fstat(f.fileno()).st_size
    f.seek(size // 2)
    byte = f.read(1)[0]
    f.seek(size // 2)
    f.write(bytes([byte ^ 4]))
os.chmod(path, mode)
PY
}

problems() { dpucc-client fsck --json | jq .n_problems; }

@test "a whole cache has no problems, with a daemon and without one" {
  daemon_start
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client get --wait Net_int.xmodel
  run dpucc-client fsck
  [ "$status" -eq 0 ]
  [[ $output == *"1 records, "*"0 problems, 0 mended; 0 leftovers, 0 notes"* ]]
  dpucc-client --no-daemon fsck --repair
  dpucc-client fsck --json | jq -e '.code == 0 and .n_records == 1 and .defects == []'
}

@test "a flipped bit in an object: found, quarantined, compiled again" {
  daemon_start
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  artifact=$(dpucc-client get --wait Net_int.xmodel)
  good=$(sha256sum <"$artifact")
  flip "$(only_object "$artifact")"

  run dpucc-client fsck
  [ "$status" -eq 1 ]
  [[ $output == *"object-damaged"*"is not what it is called"* ]]
  [[ $output == *"record-incomplete"* && $output == *"2 of 2 problems remain"* ]]
  run dpucc-client fsck --repair
  [ "$status" -eq 0 ]
  [[ $output == *"(mended)"* ]]
  [ "$(problems)" = 0 ]
  find "$CACHE/quarantine" -name 'objects-*' | grep -q .

  artifact=$(dpucc-client get --wait Net_int.xmodel)
  [ "$(sha256sum <"$artifact")" = "$good" ]
  expect_stat jobs_done 2
}

@test "damage that nobody looked for is never served" {
  daemon_start
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  artifact=$(dpucc-client get --wait Net_int.xmodel)
  good=$(sha256sum <"$artifact")
  flip "$(only_object "$artifact")"
  artifact=$(dpucc-client get --wait Net_int.xmodel)
  [ "$(sha256sum <"$artifact")" = "$good" ]
  expect_stat cache_quarantined 1

  # cut short, with the daemon down
  daemon_stop
  object=$(only_object "$artifact")
  chmod 600 "$object"
  truncate -s -1 "$object"
  daemon_start
  artifact=$(dpucc-client get --wait Net_int.xmodel)
  [ "$(sha256sum <"$artifact")" = "$good" ]
  expect_stat jobs_done 1
}

@test "damaged and cut records are misses, and mended" {
  daemon_start
  for seed in 1 2; do
    dpucc mkmodel lenet --seed $seed -o Net${seed}_int.xmodel
    dpucc-client get --wait Net${seed}_int.xmodel
  done
  mapfile -t records < <(find "$CACHE/records" -type f)
  flip "${records[0]}"
  chmod 600 "${records[1]}"
  truncate -s 20 "${records[1]}"
  chmod 444 "${records[1]}"
  dpucc-client fsck --json >"$SANDBOX/found" || [ $? -eq 1 ]
  jq -e '[.defects[] | select(.kind == "record-damaged")] | length == 2' "$SANDBOX/found"
  dpucc-client get --wait Net1_int.xmodel
  dpucc-client get --wait Net2_int.xmodel
  expect_stat jobs_done 4
  [ "$(problems)" = 0 ]
}

@test "files of a view: mended where somebody asks, removed where nobody can" {
  daemon_start
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  artifact=$(dpucc-client get --wait Net_int.xmodel)
  view=$(dirname "$artifact")
  good=$(cat "$view/meta.json")
  flip "$view/meta.json"
  dpucc-client get --wait Net_int.xmodel
  [ "$(cat "$view/meta.json")" = "$good" ]

  ln -sfn ../../../objects/00/nothing "$view/Net.xmodel"
  run dpucc-client fsck --repair
  [ "$status" -eq 0 ]
  [[ $output == *"view-broken"*"Net.xmodel leads nowhere (mended)"* ]]
  [ ! -e "$view" ]
  [ "$(dpucc-client get --wait Net_int.xmodel)" = "$artifact" ]
  expect_stat jobs_done 1
}

@test "index.db and state.db: damaged, cut or gone, answers are the same" {
  daemon_start
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  artifact=$(dpucc-client get --wait Net_int.xmodel)
  daemon_stop
  state=$HOME/.local/state/dpucc/state.db
  for damage in garbage empty cut gone; do
    for file in "$CACHE/index.db" "$state"; do
      rm -f "$file-wal" "$file-shm"
      case $damage in
      garbage) head -c 65536 /dev/zero | tr '\0' 'x' >"$file" ;;
      empty) : >"$file" ;;
      cut) truncate -s 5000 "$file" ;;
      gone) rm -f "$file" ;;
      esac
    done
    daemon_start
    [ "$(dpucc-client get --wait Net_int.xmodel)" = "$artifact" ]
    expect_stat jobs_started 0
    [ "$(problems)" = 0 ]
    daemon_stop
  done
}

@test "leftovers and strangers are named, and only leftovers go" {
  daemon_start
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client get --wait Net_int.xmodel
  echo mine >"$CACHE/notes.txt"
  touch "$CACHE/objects/.dpucc.00112233445566aa.tmp"
  find "$CACHE/records" -type f -delete
  rm -r "$CACHE/views"
  run dpucc-client fsck
  [ "$status" -eq 0 ]
  [[ $output == *"temporary"*"object-unused"*"0 problems"* ]]
  [[ $output == *"foreign"*"notes.txt"* ]]
  dpucc-client fsck --repair
  [ -z "$(find "$CACHE/objects" -type f)" ]
  [ -e "$CACHE/notes.txt" ]
  dpucc-client get --wait Net_int.xmodel
  expect_stat jobs_done 2
}

@test "a check beside builds finds nothing wrong, and can be cancelled" {
  daemon_start
  dpucc-client watch "$WORK"
  (
    for seed in 1 2 3 4 5 6 7 8; do
      dpucc mkmodel lenet --seed $seed -o Net_int.xmodel
      dpucc-client get --wait --force Net_int.xmodel
    done
  ) >/dev/null 3>&- &
  builder=$!
  while kill -0 $builder 2>/dev/null; do
    dpucc-client fsck --repair --json | jq -e ".n_problems == 0"
    dpucc-client --no-daemon fsck --json | jq -e ".n_problems == 0"
  done
  wait $builder
  timeout -s INT 0.05 dpucc-client fsck || true
  dpucc-client fsck
}

@test "two daemons: the second says whose the cache is; --once works beside the first" {
  daemon_start
  run dpuccd --socket "$SANDBOX/other.sock"
  [ "$status" -ne 0 ]
  [[ $output == *"another daemon (process $DAEMON)"* ]]
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  artifact=$(dpucc-client --no-daemon get --wait Net_int.xmodel)
  [ "$(dpucc-client get --wait Net_int.xmodel)" = "$artifact" ]
  expect_stat jobs_started 0
}
