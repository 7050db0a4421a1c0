# For suites with a real service manager of an ordinary user: tests/support/user-manager.sh, in which
# what the build installs is in /usr/local. After sandbox_setup. Nothing of the machine's own manager
# is touched.

# A machine that cannot run one is no failure, but where every test has to run (TEST_NO_SKIP) it is.
manager_skip() { # REASON
  if [ -n "${TEST_NO_SKIP:-}" ]; then
    echo "cannot run here: $1"
    return 1
  fi
  skip "$1"
}

# Starts it for nobody, whose home is the sandbox's.
manager_start() {
  local why=
  [ "$(id -u)" -eq 0 ] || why='needs root, for control groups of its own'
  [ -x /lib/systemd/systemd ] || why='no systemd'
  [ -w /sys/fs/cgroup/cgroup.procs ] || [ -w /sys/fs/cgroup/systemd/cgroup.procs ] ||
    why='no control groups that can be written'
  if [ -n "$why" ]; then
    manager_skip "$why"
    return
  fi
  DESTDIR=$SANDBOX/stage cmake --install "$BIN/.." >/dev/null
  mkdir -p "$HOME/.config/systemd/user/dpuccd.service.d"
  printf '[Service]\nStandardError=append:%s\n' "$DAEMON_LOG" \
    >"$HOME/.config/systemd/user/dpuccd.service.d/log.conf"
  touch "$DAEMON_LOG"
  chmod 755 "$SANDBOX"
  chown -R nobody: "$HOME" "$WORK" "$XDG_RUNTIME_DIR" "$DAEMON_LOG"
  "$TEST_SUPPORT/user-manager.sh" nobody "$XDG_RUNTIME_DIR" "$HOME" "$SANDBOX/stage/usr/local" \
    >"$SANDBOX/manager.log" 2>&1 3>&- &
  MANAGER=$!
  wait_for manager_is_there || true # asked below
  if ! inside systemctl --user show-environment >"$SANDBOX/probe" 2>&1; then
    cat "$SANDBOX/manager.log" "$SANDBOX/probe"
    manager_stop
    manager_skip 'systemd --user does not start here'
    return
  fi
}

manager_is_there() {
  [ -S "$XDG_RUNTIME_DIR/systemd/private" ] || ! kill -0 "$MANAGER" 2>/dev/null
}

manager_stop() {
  [ -n "${MANAGER:-}" ] || return 0
  kill -TERM "$MANAGER" 2>/dev/null || true
  wait "$MANAGER" || true
  MANAGER=
}

# The process that was the first in the manager's name spaces.
manager_init() {
  local unshare first
  read -ra unshare <"/proc/$MANAGER/task/$MANAGER/children" || true
  read -ra first <"/proc/${unshare[0]}/task/${unshare[0]}/children" || true
  echo "${first[0]}"
}

# Runs a command as that user, beside the manager.
inside() { # COMMAND [ARG ...]
  local first
  first=$(manager_init)
  nsenter --target "$first" --mount --pid --cgroup \
    setpriv --reuid nobody --regid nogroup --clear-groups env -i HOME="$HOME" LC_ALL=C.UTF-8 \
    XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" PATH=/usr/local/bin:/usr/bin:/bin "$@"
}

sc() { inside systemctl --user "$@"; }

property() { sc show --value -p "$1" "${2:-dpuccd.service}"; } # NAME [UNIT]

property_is() { [ "$(property "$1")" = "$2" ]; } # NAME VALUE

# The service's number among our processes, not among those in there.
service_pid() {
  local own=$1 pid
  for pid in $(pgrep -x dpuccd); do
    if [ "$(sed -n 's/^NSpid:\t'"$pid"'\t//p' "/proc/$pid/status" 2>/dev/null)" = "$own" ] &&
      [ "$(readlink "/proc/$pid/ns/pid")" = "$(readlink "/proc/$(manager_init)/ns/pid")" ]; then
      echo "$pid"
    fi
  done
}

# More of the unit's section [Service].
drop_in() { # NAME LINE ...
  printf '[Service]\n' >"$HOME/.config/systemd/user/dpuccd.service.d/$1.conf"
  printf '%s\n' "${@:2}" >>"$HOME/.config/systemd/user/dpuccd.service.d/$1.conf"
  sc daemon-reload
}
