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
  for tool in sh cat mkdir rm dirname md5sum cut tr sed mktemp head yes sleep truncate chmod env kill; do
    ln -s busybox "$root/bin/$tool"
  done
  image_add "$root" /bin/bash /bin
  image_add "$root" "$BIN/dpucc" $conda/envs/vitis-ai-wego-torch2/bin
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
  echo "$2" >"$root/version"
  tar -C "$root" -cf "$1" .
}

need_programs() { # PROGRAM ...
  local program
  for program; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || skip "no $program (scripts/bootstrap full)"
  done
  [ -x /bin/busybox ] || skip "no busybox (scripts/bootstrap full)"
  [ "$(id -u)" -eq 0 ] || skip "an engine of the test's own needs root"
}

# A daemon beside whatever the machine has: no bridge, no rules, its own folders and socket.
docker_start() {
  local place=$SANDBOX/docker
  mkdir -p "$place"
  echo '{}' >"$place/empty.json"
  export DOCKER_HOST=unix://$place/docker.sock
  PATH=$PATH:/usr/sbin setsid dockerd --config-file="$place/empty.json" --data-root="$place/data" \
    --exec-root="$place/exec" --pidfile="$place/dockerd.pid" -H "$DOCKER_HOST" \
    --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --bridge=none \
    --storage-driver=vfs --userland-proxy=false --oom-score-adjust=0 \
    >"$place/log" 2>&1 3>&- &
  docker_answers() { docker version >/dev/null 2>&1; }
  wait_for docker_answers || {
    tail -n 20 "$place/log"
    return 1
  }
}

docker_stop() {
  local pid
  [ -e "$SANDBOX/docker/dockerd.pid" ] || return 0
  pid=$(cat "$SANDBOX/docker/dockerd.pid")
  kill "$pid"
  docker_is_gone() { [ ! -e "$SANDBOX/docker/dockerd.pid" ]; }
  wait_for docker_is_gone
}

# The settings that make podman work in a container or virtual machine without all capabilities.
podman_prepare() {
  local place=$SANDBOX/podman
  mkdir -p "$place"
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
runroot = "$place/run"
CONF
  export CONTAINERS_CONF=$place/containers.conf CONTAINERS_STORAGE_CONF=$place/storage.conf
}
