# For suites with real container engines: an image from a minimal root that holds bash, busybox and
# tests/support/double-vai_c_xir where the vendor's images have the real one; a docker daemon of
# the test's own; podman with its storage in the test's folder. Nothing of the machine's engines is
# touched.

# @PROGRAM and the libraries it needs, under the same paths
image_add() { # ROOT PROGRAM FOLDER
  local library
  mkdir -p "$1$3"
  cp "$2" "$1$3/"
  ldd "$2" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$1$(dirname "$library")"
    cp -n "$library" "$1$library"
  done
}

# Writes a tar archive of the image's root. VERSION makes it another image.
make_image() { # FILE VERSION
  local root=$SANDBOX/root conda=/opt/vitis_ai/conda tool
  rm -rf "$root"
  mkdir -p "$root"/{bin,tmp,etc,proc,sys,dev,root} "$root$conda/etc/profile.d"
  cp /bin/busybox "$root/bin/busybox"
  for tool in sh cat mkdir rm dirname md5sum cut tr sed mktemp head yes sleep truncate chmod env kill grep setsid cp mv; do
    ln -s busybox "$root/bin/$tool"
  done
  image_add "$root" /bin/bash /bin
  image_add "$root" "$BIN/../tests/support/double-compiled" $conda/envs/vitis-ai-wego-torch2/bin
  sed "s|#!/bin/bash|#!$conda/envs/vitis-ai-wego-torch2/bin/bash|" "$TEST_SUPPORT/double-vai_c_xir" \
    >"$root$conda/envs/vitis-ai-wego-torch2/bin/vai_c_xir"
  # what activation does, as far as the tool needs it: its interpreter is found only then
  ln -s /bin/bash "$root$conda/envs/vitis-ai-wego-torch2/bin/bash"
  chmod +x "$root$conda/envs/vitis-ai-wego-torch2/bin/vai_c_xir"
  cat >"$root$conda/etc/profile.d/conda.sh" <<'CONDA'
conda() {
  local prefix=/opt/vitis_ai/conda/envs/$2
  [ "$1" = activate ] && [ -d "$prefix" ] || return 1
  export CONDA_PREFIX=$prefix PATH=$prefix/bin:$PATH
}
CONDA
  mkdir -p "$root/var"
  mkdir -m 1777 "$root/var/left"
  chmod 1777 "$root/tmp"
  # a program that is root, if it is let
  image_add "$root" /usr/bin/tee /bin
  mv "$root/bin/tee" "$root/bin/tee-as-root"
  chmod 4755 "$root/bin/tee-as-root"
  echo "$2" >"$root/version"
  tar -C "$root" --owner=0 --group=0 --numeric-owner -cf "$1" .
}

# Skips unless ENGINE can be had: as root a rootful one, else a rootless one.
need_engine() { # docker|podman
  local program programs=("$1" runc)
  ENGINE=$1
  if [ "$ENGINE" = docker ]; then programs+=(dockerd); fi
  if is_rootless; then
    programs+=(newuidmap)
    if [ "$ENGINE" = docker ]; then programs+=(rootlesskit); fi
    grep -q "^$(id -un):" /etc/subuid || skip "no subordinate ids for $(id -un) in /etc/subuid"
  fi
  for program in "${programs[@]}"; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || skip "no $program (scripts/bootstrap full)"
  done
  [ -x /bin/busybox ] || skip "no busybox (scripts/bootstrap full)"
}

is_root() { [ "$(id -u)" -eq 0 ]; }
is_rootless() { ! is_root && { [ "$ENGINE" = podman ] || [ -z "${TEST_DOCKER_HOST:-}" ]; }; }

# What a rootless engine on this machine cannot do, and says so itself.
need_limits() {
  ! is_rootless || skip "a rootless engine limits memory only in cgroups that were delegated to the user"
}

engine_start() {
  case $ENGINE in
  docker) docker_start ;;
  podman) podman_prepare ;;
  esac
}

# A daemon beside whatever the machine has: no bridge, no rules, its own folders and socket.
docker_start() {
  local place=$SANDBOX/docker
  local -a options
  if [ -n "${TEST_DOCKER_HOST:-}" ]; then # a rootful one, started for an ordinary user
    export DOCKER_HOST=$TEST_DOCKER_HOST
    return
  fi
  mkdir -p "$place"
  echo '{}' >"$place/empty.json"
  export DOCKER_HOST=unix://$place/docker.sock
  options=(--config-file="$place/empty.json" --data-root="$place/data"
    --exec-root="$place/exec" --pidfile="$place/dockerd.pid" -H "$DOCKER_HOST"
    --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --bridge=none
    --storage-driver=vfs --userland-proxy=false --oom-score-adjust=0 --group="${DOCKER_GROUP:-$(id -gn)}")
  if is_root; then
    PATH=$PATH:/usr/sbin setsid dockerd "${options[@]}" >"$place/log" 2>&1 3>&- &
  else
    docker_start_rootless "${options[@]}" >"$place/log" 2>&1 3>&- &
  fi
  docker_answers() { docker version >/dev/null 2>&1; }
  wait_for docker_answers || {
    tail -n 20 "$place/log"
    return 1
  }
}

# As dockerd-rootless.sh of docker.io does it, but with the network of the host, for there is none in
# our containers: so neither slirp4netns nor /dev/net/tun is needed.
docker_start_rootless() { # OPTION ...
  # shellcheck disable=SC2016 # for the inner shell
  PATH=$PATH:/usr/sbin:/sbin exec setsid rootlesskit --net=host --copy-up=/etc --copy-up=/run \
    --propagation=rslave sh -c 'rm -f /run/docker /run/containerd /run/xtables.lock
      exec dockerd --rootless "$@"' dockerd "$@"
}

docker_stop() {
  [ -e "$SANDBOX/docker/dockerd.pid" ] || return 0
  kill "$(docker_pid)"
  docker_is_gone() { [ ! -e "$SANDBOX/docker/dockerd.pid" ]; }
  wait_for docker_is_gone
}

# Of a rootless dockerd the number in its file is that of its own name space, which we share: only
# users and mounts are other ones.
docker_pid() { cat "$SANDBOX/docker/dockerd.pid"; }

# Ends what an engine of this test left, and removes its storage, which belongs to other users.
engine_stop() {
  case ${ENGINE:-} in
  docker)
    docker_stop
    if is_rootless; then rootlesskit rm -rf "$SANDBOX/docker"; fi
    ;;
  podman)
    if is_rootless; then
      podman unshare rm -rf "$SANDBOX/podman/data"
      podman system migrate # ends the process that keeps the name space
      rm -rf "$XDG_RUNTIME_DIR"
    fi
    ;;
  esac >/dev/null 2>&1
}

# The settings that make podman work in a container or virtual machine without all capabilities.
podman_prepare() {
  local place=$SANDBOX/podman run=$SANDBOX/podman/run
  mkdir -p "$place"
  if is_rootless; then
    # as long as /run/user/1000: in a longer one rootless podman does not learn that a container ended
    export XDG_RUNTIME_DIR
    XDG_RUNTIME_DIR=$(mktemp -d /tmp/dpucc-run.XXXXXX)
    run=$XDG_RUNTIME_DIR/podman
  fi
  cat >"$place/containers.conf" <<'CONF'
[containers]
default_ulimits = ["nofile=1024:20000", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
CONF
  cat >"$place/storage.conf" <<CONF
[storage]
driver = "vfs"
graphroot = "$place/data"
runroot = "$run"
rootless_storage_path = "$place/data"
CONF
  export CONTAINERS_CONF=$place/containers.conf CONTAINERS_STORAGE_CONF=$place/storage.conf
}

# Makes the image VERSION of NAME.
image_import() { # NAME VERSION
  make_image "$SANDBOX/image.tar" "$2"
  "$ENGINE" import "$SANDBOX/image.tar" "$1" >/dev/null 2>&1
}
