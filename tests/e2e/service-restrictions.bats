#!/usr/bin/env bats
# What the unit and its drop-ins forbid, tried from within the service, in a real service manager of
# an ordinary user. A directive that would not act there has no business in the unit.

bats_require_minimum_version 1.5.0

load helpers
load manager

setup() {
  sandbox_setup
  manager_start
  cp "$TEST_SUPPORT/restrictions.pl" "$SANDBOX/probe"
  chmod 755 "$SANDBOX/probe"
}

teardown() {
  manager_stop
  sandbox_teardown
}

# Starts the service with @DROP-IN, and leaves what the probe found in there in $SANDBOX/found.
probe() { # [DROP-IN]
  if [ -n "${1:-}" ]; then
    cp "$SANDBOX/stage/usr/local/share/dpucc/systemd/$1.conf" \
      "$HOME/.config/systemd/user/dpuccd.service.d/$1.conf"
  fi
  drop_in probe "ExecStartPre=$SANDBOX/probe $HOME/found"
  sc start dpuccd
  cp "$HOME/found" "$SANDBOX/found"
}

expect() { # NAME=VALUE ...
  local line failed=0
  for line in "$@"; do
    grep -qxF "$line" "$SANDBOX/found" || {
      echo "expected $line, found $(grep -F "${line%=*}=" "$SANDBOX/found")"
      failed=1
    }
  done
  return $failed
}

compiles() {
  arch_b1024
  chown nobody: arch.json
  inside dpucc mkmodel lenet --seed 1 -o "$WORK/Net_int.xmodel"
  inside dpucc-client --toolchain dpucc build "$WORK/Net_int.xmodel" --arch "$WORK/arch.json" \
    --output_dir "$WORK/out" --net_name net
  inside dpucc check --source "$WORK/Net_int.xmodel" "$WORK/out/net.xmodel"
}

@test "the unit: each restriction acts, and compiling works" {
  probe
  expect NoNewPrivs=1 Seccomp=2 personality=EPERM packet=EAFNOSUPPORT unix=ok inet=ok netlink=ok \
    modify_ldt=EPERM ustat=EPERM ioperm=EPERM adjtimex=EPERM
  # what is left to compilers that are not ours
  expect mmap=ok unshare=ok suid=ok 'write /=ok'
  # what the daemon stays within its directories by: an absolute path leads out of them
  expect openat2=EXDEV
  compiles
}

@test "docker.conf: nothing to write to but home and temporary directories, no new code, no name spaces" {
  probe docker
  expect NoNewPrivs=1 Seccomp=2 mmap=EPERM unshare=EPERM \
    'write /=EACCES' 'write /sys/fs/cgroup=EACCES' openat2=EXDEV packet=EAFNOSUPPORT
  compiles
}

# What doctor says about the service.
doctor_says() {
  inside dpucc-client --json --toolchain dpucc doctor |
    jq -r '.findings[] | select(.subject == "service") | .text'
}

@test "doctor: how long the service lives, and what podman needs of it" {
  sc start dpuccd
  [[ $(doctor_says) == *"'loginctl enable-linger' keeps it" ]]
  configure '{ "toolchains": { "boxed": { "kind": "container", "engine": "podman", "image": "none" } } }'
  sc reload dpuccd
  [[ $(doctor_says) == *"copy /usr/local/share/dpucc/systemd/podman.conf"* ]]
  cp "$SANDBOX/stage/usr/local/share/dpucc/systemd/podman.conf" \
    "$HOME/.config/systemd/user/dpuccd.service.d/"
  sc daemon-reload
  sc restart dpuccd
  [[ $(doctor_says) == *"'loginctl enable-linger' keeps it" ]]
}

@test "podman.conf: nothing is forbidden that rootless podman needs" {
  probe podman
  expect NoNewPrivs=0 Seccomp=0 personality=ok modify_ldt=ok suid=ok unshare=ok mmap=ok \
    packet=EPERM openat2=EXDEV 'write /=ok'
  compiles
}
