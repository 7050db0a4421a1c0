#!/bin/bash
# A service manager of an ordinary user (systemd --user), beside whatever runs this machine: in
# name spaces and control groups of its own, which end with this script. For root.
#
#   user-manager.sh USER RUNTIME-DIR HOME PREFIX
#
# What is installed in PREFIX is seen as /usr/local in there. `systemctl --user` reaches it through
# RUNTIME-DIR from outside. SIGTERM ends it in good order.
set -euo pipefail

# what the first process of the name spaces does: systemd must not be that one, or it takes itself
# for the system's
inside() {
  local user=$1 run=$2 home=$3 prefix=$4
  mount -t tmpfs tmpfs /run/systemd
  mkdir /run/systemd/system # "this machine was booted with systemd"
  mount --bind "$prefix" /usr/local
  if [ -d /sys/fs/cgroup/unified ]; then
    umount /sys/fs/cgroup/unified /sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
  else
    umount /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
  fi
  setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups env -i \
    PATH=/usr/local/bin:/usr/bin:/bin HOME="$home" XDG_RUNTIME_DIR="$run" LC_ALL=C.UTF-8 \
    /lib/systemd/systemd --user --log-target=console </dev/null &
  trap 'kill -TERM $!' TERM
  wait || wait || true
}

if [ "$1" = inside ]; then
  shift
  inside "$@"
  exit
fi

groups=()
name=dpucc-test-$$
for place in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup; do
  [ -e "$place/cgroup.procs" ] || continue
  mkdir "$place/$name"
  groups+=("$place/$name")
  chown -R "$1" "$place/$name"
done
finish() {
  local group
  for group in "${groups[@]}"; do
    for _ in {1..100}; do # the last processes may be dying still
      if find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; then break; fi
      read -r -t 0.05 <> <(:) || true
    done
  done
}
trap finish EXIT

(
  for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
  exec unshare --mount --pid --uts --cgroup --mount-proc --fork --kill-child "$0" inside "$@"
) &
child=$!
# the first process in there is the only child of unshare
trap 'kill -TERM "$(cat /proc/$child/task/$child/children)"' TERM
wait $child || wait $child || true
