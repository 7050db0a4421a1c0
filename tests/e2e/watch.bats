#!/usr/bin/env bats
# What people do to files, seen through the whole daemon: each case by its effect on units,
# artifacts and the daemon's own counts. test-watch.c shows the same of the watcher alone.

load helpers

setup() {
  sandbox_setup
  arch_b1024
}

teardown() { sandbox_teardown; }

watching_daemon() {
  daemon_start
  dpucc-client watch "$WORK"
}

lenet() { # SEED FILE
  dpucc mkmodel lenet --seed "$1" -o "$2"
}

root_field() { # FIELD -> its value, of the only root
  dpucc-client roots --json | jq -r ".roots[0].$1"
}

root_field_is() { # FIELD VALUE
  [ "$(root_field "$1")" = "$2" ]
}

units_are() { # NAME ...: the net names of all units, sorted
  [ "$(dpucc-client status --json | jq -r '[.units[].net_name] | sort | join(" ")')" = "$*" ]
}

status_says() { # PATTERN
  dpucc-client status | grep -q -- "$1"
}

get_is_current() { # SOURCE
  dpucc check --source "$1" "$(dpucc-client get --wait "$1")" >/dev/null
}

# ---- loss and degradation ----------------------------------------------------------------------

@test "a queue that overflowed while the daemon was stopped loses no save" {
  watching_daemon
  lenet 1 Net_int.xmodel
  dpucc-client wait --all
  mkdir noise
  wait_for root_field_is n_directories 2
  kill -STOP "$DAEMON"
  (cd noise && seq 1 9000 | xargs touch)
  lenet 2 Net_int.xmodel
  lenet 3 noise/Late_int.xmodel
  kill -CONT "$DAEMON"
  dpucc-client wait --all
  [ "$(root_field epoch)" -ge 2 ]
  [ "$(stat_of epochs)" -ge 1 ]
  units_are Late Net
  get_is_current Net_int.xmodel
  get_is_current noise/Late_int.xmodel
  expect_stat jobs_started 3
}

@test "without inotify watches the workspace is polled, and status names the sysctl" {
  unshare -Ur true 2>/dev/null || skip "no user namespaces here"
  unshare -Ur bash -c 'echo 3 >/proc/sys/user/max_inotify_watches && exec dpuccd' \
    >>"$DAEMON_LOG" 2>&1 3>&- &
  DAEMON=$!
  wait_for daemon_answers
  mkdir -p a/b c/d e
  dpucc-client watch "$WORK"
  lenet 1 c/d/Net_int.xmodel
  wait_for units_are Net
  status_says 'fs.inotify.max_user_watches'
  # found by polling, and answered at once without it
  lenet 2 c/d/Net_int.xmodel
  get_is_current c/d/Net_int.xmodel
  lenet 3 e/Other_int.xmodel
  wait_for units_are Net Other
}

@test "without an inotify instance the workspace is polled, and status names the sysctl" {
  unshare -Ur true 2>/dev/null || skip "no user namespaces here"
  unshare -Ur bash -c 'echo 0 >/proc/sys/user/max_inotify_instances && exec dpuccd' \
    >>"$DAEMON_LOG" 2>&1 3>&- &
  DAEMON=$!
  wait_for daemon_answers
  dpucc-client watch "$WORK"
  lenet 1 Net_int.xmodel
  wait_for units_are Net
  status_says 'fs.inotify.max_user_instances'
  get_is_current Net_int.xmodel
}

# ---- directories -------------------------------------------------------------------------------

@test "a root that is deleted is awaited, and watched again when it is made again" {
  mkdir root
  arch_b1024 root/arch.json
  daemon_start
  dpucc-client watch "$WORK/root"
  lenet 1 root/Net_int.xmodel
  dpucc-client wait --all
  rm -r root
  wait_for root_field_is state gone
  units_are
  mkdir root
  arch_b1024 root/arch.json
  lenet 1 root/Net_int.xmodel
  wait_for units_are Net
  dpucc-client wait --all
  root_field_is state watching
  expect_stat jobs_started 1
}

@test "directories moved in, within and out take their models with them" {
  watching_daemon
  mkdir -p "$SANDBOX/outside/deep"
  lenet 1 "$SANDBOX/outside/deep/Net_int.xmodel"
  mv "$SANDBOX/outside" in
  dpucc-client wait --all
  units_are Net
  mv in elsewhere
  dpucc-client wait --all
  [ "$(dpucc-client status --json | jq -r '.units[].source_path')" = \
    "$WORK/elsewhere/deep/Net_int.xmodel" ]
  mv elsewhere "$SANDBOX/out"
  dpucc-client wait --all
  units_are
  expect_stat jobs_started 1
}

@test "nested directories made in a hurry hide no model" {
  watching_daemon
  lenet 1 "$SANDBOX/net"
  for i in $(seq 1 50); do
    mkdir -p "n$i/b/c" && cp "$SANDBOX/net" "n$i/b/c/Net${i}_int.xmodel"
  done
  dpucc-client wait --all
  [ "$(dpucc-client status --json | jq '[.units[] | select(.state == "ready")] | length')" = 50 ]
  # one content for one target: one compile
  expect_stat compiler_runs 1
}

@test "hidden, ignored and vendored directories are not entered" {
  mkdir -p .git .hidden node_modules/x skipped kept
  for place in .git .hidden node_modules/x skipped kept; do lenet 1 "$place/Net_int.xmodel"; done
  echo '{ "ignore": ["skipped/"] }' >dpucc.json
  watching_daemon
  dpucc-client wait --all
  [ "$(dpucc-client status --json | jq -r '.units[].source_path')" = "$WORK/kept/Net_int.xmodel" ]
  # an edit of the ignore rules counts at once
  echo '{ }' >dpucc.json
  wait_for units_are Net Net
}

# ---- saves -------------------------------------------------------------------------------------

@test "editors' ways to save are one compile each" {
  watching_daemon
  # truncate, then write in pieces, with the name in view all the while
  lenet 1 "$SANDBOX/net"
  exec 8>Net_int.xmodel
  split -n 10 "$SANDBOX/net" "$SANDBOX/part."
  for part in "$SANDBOX"/part.*; do cat "$part" >&8; done
  exec 8>&-
  dpucc-client wait --all
  expect_stat jobs_started 1
  # backup, then a new file under the name
  mv Net_int.xmodel Net_int.xmodel~
  lenet 2 Net_int.xmodel
  dpucc-client wait --all
  expect_stat jobs_started 2
  # a temporary file, renamed over
  lenet 3 .tmp.xmodel.partial
  mv .tmp.xmodel.partial Net_int.xmodel
  dpucc-client wait --all
  expect_stat jobs_started 3
  units_are Net
  get_is_current Net_int.xmodel
}

@test "there and back again is a hit" {
  watching_daemon
  lenet 1 Net_int.xmodel
  first=$(dpucc-client get --wait Net_int.xmodel)
  lenet 2 Net_int.xmodel
  dpucc-client wait --all
  lenet 1 Net_int.xmodel
  dpucc-client wait --all
  [ "$(dpucc-client get Net_int.xmodel)" = "$first" ]
  expect_stat jobs_started 2
}

@test "other content with the same size and the same time is never answered from the memo" {
  watching_daemon
  lenet 1 Net_int.xmodel
  first=$(dpucc-client get --wait Net_int.xmodel)
  touch -r Net_int.xmodel "$SANDBOX/time"
  lenet 2 "$SANDBOX/other"
  [ "$(stat -c %s "$SANDBOX/other")" = "$(stat -c %s Net_int.xmodel)" ]
  # in place: the same inode
  cat "$SANDBOX/other" >Net_int.xmodel
  touch -r "$SANDBOX/time" Net_int.xmodel
  get_is_current Net_int.xmodel
  [ "$(dpucc-client get Net_int.xmodel)" != "$first" ]
}

@test "times of the future and of long ago are times" {
  watching_daemon
  lenet 1 Net_int.xmodel
  touch -d '2051-01-01' Net_int.xmodel
  get_is_current Net_int.xmodel
  lenet 2 Net_int.xmodel
  touch -d '1975-01-01' Net_int.xmodel
  get_is_current Net_int.xmodel
  dpucc-client wait --all
}

@test "links: a second name is a unit with the same artifact, a linked directory is not entered" {
  watching_daemon
  mkdir -p real loop
  lenet 1 real/Net_int.xmodel
  ln real/Net_int.xmodel Hard_int.xmodel
  ln -s real/Net_int.xmodel Soft_int.xmodel
  ln -s real linked
  ln -s .. loop/up
  dpucc-client wait --all
  units_are Hard Net Soft
  expect_stat jobs_started 1
}

@test "a checkout of ten thousand files compiles what changed, once" {
  watching_daemon
  git init -q -b one .
  git config user.email test@localhost
  git config user.name test
  mkdir -p src/{0..99}
  for i in {0..99}; do for j in {0..99}; do echo one >"src/$i/$j.txt"; done; done
  for i in 1 2 3; do lenet "$i" "src/$i/Net${i}_int.xmodel"; done
  git add . && git commit -q -m one
  dpucc-client wait --all
  git checkout -q -b two
  for i in {0..99}; do for j in {0..99}; do echo two >"src/$i/$j.txt"; done; done
  for i in 1 2 3; do lenet "$((10 + i))" "src/$i/Net${i}_int.xmodel"; done
  git add . && git commit -q -m two
  dpucc-client wait --all
  expect_stat jobs_started 6
  git checkout -q one
  dpucc-client wait --all
  git checkout -q two
  dpucc-client wait --all
  expect_stat jobs_started 6
  for i in 1 2 3; do get_is_current "src/$i/Net${i}_int.xmodel"; done
  expect_stat jobs_started 6
}

@test "steady noise starves nothing" {
  watching_daemon
  lenet 1 "$SANDBOX/a"
  lenet 2 "$SANDBOX/b"
  # two contents, over and over: never quiet for 30 ms
  (while [ ! -e "$SANDBOX/enough" ]; do
    for content in a b; do
      cp "$SANDBOX/$content" new.tmp
      mv new.tmp Noisy_int.xmodel
      read -r -t 0.01 <> <(:) || true
    done
  done) 3>&- &
  noise=$!
  lenet 3 Calm_int.xmodel
  dpucc-client get --wait Calm_int.xmodel
  wait_for some_job_done 2 || {
    touch "$SANDBOX/enough"
    return 1
  }
  touch "$SANDBOX/enough"
  wait "$noise"
  get_is_current Noisy_int.xmodel
}

@test "a file that is rewritten without end says nothing wrong, and is compiled when it ends" {
  # quiet enough that a writer who waits for a processor is not taken for one who has finished
  configure '{"settle_ms": 2000, "settle_max_ms": 60000}'
  watching_daemon
  lenet 1 "$SANDBOX/a"
  (for _ in $(seq 300); do cp "$SANDBOX/a" Net_int.xmodel; done) 3>&-
  dpucc-client wait --all
  get_is_current Net_int.xmodel
  without grep -E 'empty file|cut short' "$DAEMON_LOG"
  expect_stat compiler_runs 1
}

some_job_done() { # COUNT
  [ "$(stat_of jobs_done)" -ge "$1" ]
}

# ---- units -------------------------------------------------------------------------------------

@test "one name in two places is answered with a list" {
  watching_daemon
  mkdir a b
  lenet 1 a/Net_int.xmodel
  lenet 2 b/Net_int.xmodel
  dpucc-client wait --all
  run dpucc-client why Net@b1024
  [ "$status" -eq 2 ]
  grep -q 'a/Net_int.xmodel' <<<"$output"
  grep -q 'b/Net_int.xmodel' <<<"$output"
}

@test "two units that would deliver the same file are refused" {
  cat >dpucc.json <<'JSON'
{ "models": [ { "xmodel": "A_int.xmodel", "net_name": "net", "output_dir": "out" },
              { "xmodel": "B_int.xmodel", "net_name": "net", "output_dir": "out" } ] }
JSON
  watching_daemon
  lenet 1 A_int.xmodel
  lenet 2 B_int.xmodel
  dpucc-client wait --all || true
  status_says 'models\[1\]'
  [ ! -e out ]
}

@test "what a pattern leads to one file is not delivered, until it is one again" {
  echo '{ "models": [ { "xmodel": "**/*.xmodel", "output_dir": ".out/{target}/{net}" } ] }' \
    >dpucc.json
  watching_daemon
  mkdir a b
  lenet 1 a/Net_int.xmodel
  dpucc-client wait --all
  first=$(md5sum <.out/b1024/Net/Net.xmodel)
  lenet 2 b/Net_int.xmodel
  run dpucc-client wait --all
  [ "$status" -eq 4 ]
  grep -q 'delivers the same file' <<<"$output"
  [ "$(md5sum <.out/b1024/Net/Net.xmodel)" = "$first" ]
  rm a/Net_int.xmodel
  lenet 3 b/Net_int.xmodel
  dpucc-client wait --all
  dpucc check --source b/Net_int.xmodel .out/b1024/Net/Net.xmodel
}

@test "a glob fans out, and each target with it" {
  mkdir -p boards nets
  arch_b1024 boards/one.json
  echo '{"fingerprint":"0x101000056010407"}' >boards/two.json
  cat >dpucc.json <<'JSON'
{ "targets": { "one": "boards/one.json", "two": "boards/two.json" },
  "models": [ { "xmodel": "nets/*_int.xmodel", "targets": ["one", "two"],
                "output_dir": "out/{target}" } ] }
JSON
  watching_daemon
  lenet 1 nets/A_int.xmodel
  lenet 2 "nets/B b_int.xmodel"
  dpucc-client wait --all
  for target in one two; do
    [ -f "out/$target/A.xmodel" ]
    [ -f "out/$target/B b.xmodel" ]
  done
  expect_stat jobs_started 4
}

@test "a list of toolchains is a unit for each" {
  install_double "$SANDBOX/env"
  configure '{"toolchains": {"vitis": {"kind": "native", "conda": "'"$SANDBOX/env"'"}}}'
  echo '{ "models": [ { "xmodel": "*.xmodel", "toolchain": ["dpucc", "vitis"],
                        "output_dir": ".out/{toolchain}" } ] }' >dpucc.json
  watching_daemon
  lenet 1 Net_int.xmodel
  dpucc-client wait --all
  units_are Net Net
  dpucc check --source Net_int.xmodel .out/dpucc/Net.xmodel
  [ -f .out/vitis/Net.xmodel ]
  run dpucc-client get Net_int.xmodel
  [ "$status" -eq 2 ]
  grep -q -- '--toolchain' <<<"$output"
  ours=$(dpucc-client get --toolchain dpucc Net_int.xmodel)
  theirs=$(dpucc-client get --toolchain vitis Net_int.xmodel)
  [ "$ours" != "$theirs" ]
  expect_stat jobs_started 2
}

@test "outputs leave the workspace only where the root is trusted" {
  cat >dpucc.json <<JSON
{ "models": [ { "xmodel": "Net_int.xmodel", "output_dir": "$SANDBOX/out" } ] }
JSON
  watching_daemon
  lenet 1 Net_int.xmodel
  dpucc-client wait --all || true
  [ ! -e "$SANDBOX/out" ]
  status_says 'trust'
  dpucc-client watch --trust "$WORK"
  dpucc-client wait --all
  [ -f "$SANDBOX/out/Net.xmodel" ]
}

@test "a link out of the workspace leads no delivery out" {
  mkdir "$SANDBOX/out"
  ln -s "$SANDBOX/out" out
  echo '{ "models": [ { "xmodel": "Net_int.xmodel", "output_dir": "out" } ] }' >dpucc.json
  watching_daemon
  lenet 1 Net_int.xmodel
  dpucc-client wait --all || true
  [ -z "$(ls -A "$SANDBOX/out")" ]
}

@test "what the newest save cannot be compiled to is withdrawn, and restored when it can" {
  echo '{ "models": [ { "xmodel": "Net_int.xmodel", "output_dir": "out",
                        "limits": { "cpu_ops": [] } } ] }' >dpucc.json
  watching_daemon
  lenet 1 Net_int.xmodel
  dpucc-client wait --all || true
  [ ! -e out/Net.xmodel ]
  run dpucc-client get --wait Net_int.xmodel
  [ "$status" -eq 7 ]
  echo '{ "models": [ { "xmodel": "Net_int.xmodel", "output_dir": "out" } ] }' >dpucc.json
  wait_for test -f out/Net.xmodel
  expect_stat jobs_started 1
}

# ---- anything ----------------------------------------------------------------------------------

models_on_disk() { find "$WORK" -name '*.xmodel' -type f -not -path '*/.*' | sort; }
models_known() { dpucc-client status --json | jq -r '.units[].source_path' | sort -u; }
models_agree() { [ "$(models_on_disk)" = "$(models_known)" ]; }

# Every unit that is ready has the artifact of what its file holds now.
artifacts_agree() {
  local path
  while read -r path; do
    get_is_current "$path" 2>"$SANDBOX/said" || { cat "$SANDBOX/said"; echo "$path"; return 1; }
  done < <(dpucc-client status --json |
    jq -r '[.units[] | select(.state == "ready")] | .[].source_path' | shuf -n 20 \
      --random-source=<(yes))
}

@test "after thousands of random operations the daemon knows what is on the disk" {
  seed=${WORKSPACE_SEED:-$RANDOM}
  echo "WORKSPACE_SEED=$seed"
  watching_daemon
  for i in 1 2 3; do lenet "$i" "$SANDBOX/$i"; done
  for round in 1 2 3; do
    "$TEST_SUPPORT/random_workspace.py" "$WORK" "$((seed + round))" 1000 "$SANDBOX"/[123]
    dpucc-client wait --all || true
    models_agree || {
      diff <(models_on_disk) <(models_known)
      return 1
    }
    artifacts_agree
  done
  # three contents, one target: some jobs gave way to newer saves, none was done twice
  [ "$(stat_of jobs_done)" -ge 1 ]
  [ "$(stat_of cache_published)" -le 3 ]
  models_known >"$SANDBOX/known"
  daemon_stop
  daemon_start
  dpucc-client wait --all || true
  diff "$SANDBOX/known" <(models_known)
  expect_stat jobs_started 0
}
