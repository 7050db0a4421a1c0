#!/usr/bin/env bats
# A disk below the cache that is full or broken: builds go on, one warning says that nothing is
# kept, and when the disk works again so does the cache.

load helpers

setup() {
  sandbox_setup
  arch_b1024
  configure '{"cache": {"min_free_mib": 0}}'
  SWITCH=$SANDBOX/switch
}

teardown() { sandbox_teardown; }

warning() { dpucc-client status --json | jq -r ".warnings[]" | grep "caching is off" || true; }

n_warnings() { grep -c "caching is off" "$DAEMON_LOG" || true; }

n_records() { find "$CACHE/records" -type f 2>/dev/null | wc -l; }

faulty_daemon() {
  local library=$BIN/../tests/support/fail_disk.so
  [ -e "$library" ] || skip "no $library"
  # a sanitizer's runtime wants to be the first library
  export ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS:-}
  FAIL_DISK_BELOW=$CACHE FAIL_DISK_SWITCH=$SWITCH LD_PRELOAD=$library daemon_start
}

# two models while it is out of order, a third when it works again
build_through_the_fault() {
  local seed
  for seed in 1 2; do
    dpucc mkmodel lenet --seed $seed -o Net${seed}_int.xmodel
    dpucc-client build Net${seed}_int.xmodel --arch arch.json --output_dir out --net_name net$seed
    dpucc check --source Net${seed}_int.xmodel out/net$seed.xmodel
  done
  [ "$(n_records)" = 0 ]
  [[ $(warning) == *"caching is off"* ]]
  [ "$(n_warnings)" = 1 ]
}

build_after_the_fault() {
  dpucc mkmodel lenet --seed 3 -o Net3_int.xmodel
  dpucc-client get --wait Net3_int.xmodel
  [ "$(n_records)" = 1 ]
  [ -z "$(warning)" ]
  grep -q "takes again what is compiled" "$DAEMON_LOG"
  # what could not be kept is compiled once more, and then kept
  dpucc-client --no-daemon get --wait Net1_int.xmodel
  [ "$(n_records)" = 2 ]
  dpucc-client fsck
}

@test "no space, no quota, I/O errors, no descriptors, read-only: builds succeed, caching resumes" {
  local error
  for error in ENOSPC EDQUOT EIO EMFILE EROFS; do
    rm -rf "$CACHE" "$SWITCH"
    : >"$DAEMON_LOG"
    faulty_daemon
    python3 -c 'import errno, sys; print(getattr(errno, sys.argv[1]))' $error >"$SWITCH"
    build_through_the_fault
    rm "$SWITCH"
    build_after_the_fault
    daemon_stop
  done
}

@test "a daemon that starts on a broken disk keeps what comes after its repair" {
  python3 -c 'import errno; print(errno.ENOSPC)' >"$SWITCH"
  faulty_daemon
  build_through_the_fault
  rm "$SWITCH"
  build_after_the_fault
}

# in a mount namespace of its own
@test "a small file system that is really full" {
  unshare --map-root-user --mount true 2>/dev/null || skip "no user namespaces here"
  mkdir -p "$CACHE"
  export -f build_through_the_fault build_after_the_fault warning n_warnings n_records \
    daemon_start daemon_stop daemon_answers wait_for
  export BIN SANDBOX CACHE DAEMON_LOG
  unshare --map-root-user --mount bash -euc '
    mount -t tmpfs -o size=4m,mode=700 tmpfs "$CACHE"
    dd if=/dev/zero of="$CACHE/filler" bs=4k 2>/dev/null || true
    daemon_start
    trap "kill $DAEMON" EXIT
    build_through_the_fault
    rm "$CACHE/filler"
    build_after_the_fault
    trap - EXIT
    daemon_stop
  ' 3>&-
}
