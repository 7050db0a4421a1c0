#!/usr/bin/env bats
# Many clients, and bad ones: everybody who behaves is answered, memory and descriptors stay within
# their limits, and when the bad ones are gone everything is as before. What is asserted are counts
# of what was answered, never times.
#
#   DPUCC_LOAD_REQUESTS   how many requests in all; 10000 (scripts/test-full: 100000)

load helpers

setup() {
  REQUESTS=${DPUCC_LOAD_REQUESTS:-10000}
  sandbox_setup
  SOCKET=$XDG_RUNTIME_DIR/dpucc/dpuccd.sock
  daemon_start
}

teardown() { sandbox_teardown; }

clients() { # ARGUMENT ... -> counts in $SANDBOX/counts
  "$BIN/../tests/load/load" "$SOCKET" "$@" >"$SANDBOX/counts" || {
    cat "$SANDBOX/counts"
    return 1
  }
}

count() { sed -n "s/^$1 //p" "$SANDBOX/counts"; }

descriptors() { find "/proc/$DAEMON/fd" -mindepth 1 | wc -l; }
descriptors_are() { [ "$(descriptors)" -le "$1" ]; }
memory_mib() { sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$DAEMON/status" | awk '{ print int($1 / 1024) }'; }

# Nothing of the clients is left, and the daemon is the same one and answers.
as_before() { # DESCRIPTORS
  wait_for descriptors_are "$1"
  kill -0 "$DAEMON"
  dpucc-client roots
}

@test "a thousand connections, each with its requests" {
  dpucc-client roots
  before=$(descriptors)
  clients requests 1000 "$REQUESTS"
  [ "$(count peers_done)" = "$REQUESTS" ]
  [ "$(count peers_dropped)" = 0 ]
  as_before "$before"
  echo "memory: $(memory_mib) MiB"
  [ "$(memory_mib)" -lt 300 ]
}

@test "more connections than are served: those are told, the others served" {
  dpucc-client roots
  before=$(descriptors)
  clients crowd 1200
  [ "$(count peers_greeted)" = 1200 ]
  [ "$(count peers_refused)" = "$(count peers_dropped)" ]
  [ "$(count peers_refused)" -ge $((1200 - 1024)) ]
  [ "$(count peers_refused)" -lt 1200 ]
  as_before "$before"
}

@test "a greedy client does not keep others waiting" {
  clients beside greedy 500
  [ "$(count peers_done)" = 500 ]
  # in the time of one answer to the other no more than a few of its own, whatever it wants
  echo "to the greedy one: $(count bad_done)"
  [ "$(count bad_done)" -gt 0 ]
  [ "$(count bad_done)" -lt $((500 * 256)) ]
}

# 2,000 requests beside clients of a bad sort: all are answered. $before: the descriptors until then.
beside() { # SORT
  dpucc-client roots
  before=$(descriptors)
  clients beside "$1" 2000
  [ "$(count peers_done)" = 2000 ]
}

@test "clients that ask and never read are dropped, and hold no more than they may" {
  beside slow
  # under TSan what it remembers of each byte counts, too
  [[ $BIN == */tsan/* ]] || [ "$(memory_mib)" -lt 900 ]
  as_before "$before"
}

@test "clients that stop in the middle of a frame hold nothing up" {
  beside half
  as_before "$before"
}

@test "frames that are too long: dropped, again and again" {
  beside oversized
  [ "$(count bad_refused)" -gt 100 ]
  as_before "$before"
}

@test "a flood of descriptors: so many are taken, the rest is refused, nobody else suffers" {
  dpucc-client pause
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  arch_b1024
  LOAD_MODEL=$WORK/Net_int.xmodel LOAD_ARCH=$WORK/arch.json beside descriptors
  [ "$(count bad_dropped)" = 0 ]
  # 48 peers with 64 requests each that have two files, and 2048 files are allowed
  [ "$(count bad_refused)" = 2048 ]
  [ "$(count bad_open)" = 1024 ]
  as_before "$before"
  dpucc-client resume
  dpucc check "$(dpucc-client get --wait Net_int.xmodel --arch arch.json)"
}
