#!/usr/bin/env bats
# container.bats as an ordinary user, made for it: rootless podman with --userns=keep-id, rootless
# docker, and rootful docker whose group the user is in. For root; who is not runs container.bats and
# has the first two.

load helpers
load engine

bats_require_minimum_version 1.5.0

setup() {
  sandbox_setup
  [ "$(id -u)" -eq 0 ] || skip "container.bats is rootless for $(id -un)"
  [ -n "$(type -p newuidmap)" ] || skip "no newuidmap (scripts/bootstrap full)"
  PLACE=$SANDBOX/place
  PATH=$PATH:/usr/sbin
  useradd --no-create-home --home-dir "$PLACE" "dpucc-test-$$"
  USER_NAME=dpucc-test-$$
  chmod 755 "$SANDBOX"
  mkdir -m 700 "$PLACE"
  chown "$USER_NAME:" "$PLACE"
}

teardown() {
  local pid
  if [ -n "${USER_NAME:-}" ]; then
    for pid in $(ps -o pid= -u "$USER_NAME"); do kill -KILL "$pid" 2>/dev/null || true; done
    user_is_idle() { [ -z "$(ps -o stat= -u "$USER_NAME" | grep -v '^Z')" ]; }
    wait_for user_is_idle
    engine_stop || true
    userdel --force "$USER_NAME"
  fi
  sandbox_teardown
}

as_user() { # COMMAND [ARG ...]
  setpriv --reuid "$USER_NAME" --regid "$USER_NAME" --init-groups \
    env -i USER="$USER_NAME" HOME="$PLACE" TMPDIR="$PLACE" PATH="/usr/local/bin:/usr/bin:/bin" \
    LC_ALL=C.UTF-8 DPUCC_BIN_DIR="$BIN" DPUCC_SOURCE_DIR="$SOURCE" \
    TEST_DOCKER_HOST="${TEST_DOCKER_HOST:-}" "$@"
}

suite() { # FILTER
  as_user test -x "$BIN/dpuccd" || skip "$BIN is not for everybody to see"
  run as_user bats --tap --print-output-on-failure --filter "$1" "$SOURCE/tests/e2e/container.bats"
  echo "$output"
  [ "$status" -eq 0 ]
  # a skip must not pass for a success, save those that are known
  without grep -E '# skip' <(grep -v 'cgroups that were delegated' <<<"$output")
}

@test "rootless podman" { suite podman; }
@test "rootless docker" { suite docker; }

@test "rootful docker, its group's member" {
  need_engine docker
  DOCKER_GROUP=$USER_NAME docker_start
  chmod 711 "$SANDBOX/docker"
  TEST_DOCKER_HOST=$DOCKER_HOST suite '^docker(: (compiles|out of|inside|a newer)|, warm: one)'
}
