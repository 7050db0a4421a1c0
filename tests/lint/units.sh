#!/bin/bash
# The units are what systemd understands. `systemd-analyze verify` exits 0 on unknown keys and
# only mentions them, so anything that it says is a complaint.
#
#   units.sh SOURCE-DIR BUILD-DIR
set -euo pipefail

if ! command -v systemd-analyze >/dev/null; then
  echo "systemd-analyze is not installed: Debian package systemd" >&2
  exit 77
fi
sandbox=$(mktemp -d)
trap 'rm -rf "$sandbox"' EXIT
mkdir -m 700 "$sandbox/run" "$sandbox/home"

# what is not installed yet is replaced by a program that is there
sed -E 's/^(Exec[A-Za-z]*)=[^ ]*/\1=\/bin\/true/' "$2/systemd/dpuccd.service" >"$sandbox/dpuccd.service"
cp "$1/systemd/dpuccd.socket" "$sandbox"
mkdir "$sandbox/dpuccd.service.d"
grep -q '^ExecStart=/.*/dpuccd$' "$2/systemd/dpuccd.service" ||
  { echo "dpuccd.service: ExecStart= is not the absolute path of dpuccd"; exit 1; }

verify() { # UNIT ... -> what systemd says
  HOME=$sandbox/home XDG_RUNTIME_DIR=$sandbox/run SYSTEMD_LOG_LEVEL=warning \
    systemd-analyze --user --man=no verify "$@" 2>&1 || echo "exit status $?"
}

# alone, and with each of the drop-ins
for drop_in in '' docker podman; do
  rm -f "$sandbox"/dpuccd.service.d/*
  [ -z "$drop_in" ] || cp "$2/systemd/$drop_in.conf" "$sandbox/dpuccd.service.d/"
  said=$(verify "$sandbox/dpuccd.service" "$sandbox/dpuccd.socket")
  if [ -n "$said" ]; then
    echo "${drop_in:-no drop-in}: $said"
    exit 1
  fi
done
# and it would notice
echo 'NoSuchDirective=yes' >>"$sandbox/dpuccd.service"
if [ -z "$(verify "$sandbox/dpuccd.service")" ]; then
  echo "systemd-analyze verify does not tell of unknown directives"
  exit 1
fi
