#!/bin/bash
# A double of the command line of docker and podman, as far as daemon/container.c uses it. Copied
# into a test's directory as `docker` or `podman`; its state is the folder `control` beside it:
#
#   images/NAME      the id of an image (slashes of the name as %)
#   bin/             the programs "in" every image
#   down             if there: no question is answered
#   warning          what is said on the standard error output before each answer
#   hangs            while it is there, nothing is answered
#   out-of-memory    if there: a program that ends with 137 was killed for lack of memory
#   crashes          if there, and then no more: the engine crashes under the next container, and is up
#                    again when it is asked
#   containers/NAME/ labels, state, process (written here)
#   asked            one line for each call: its arguments
#
#   changes          what `diff` says of every container
#
# A container is a process of its own session: it survives its client, as real ones do. One that is
# detached is none: what it would do is to wait.
set -eu
control=$(dirname "$0")/control
containers=$control/containers
mkdir -p "$containers"
printf '%s\n' "$*" | tr '\n' ' ' >>"$control/asked"
echo >>"$control/asked"

while [ -e "$control/hangs" ]; do sleep 0.02; done
if [ -e "$control/down" ]; then
  echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2
  exit 1
fi

if [ -e "$control/warning" ]; then cat "$control/warning" >&2; fi

inspect_image() {
  local file=$control/images/${1//\//%}
  if [ ! -e "$file" ]; then
    echo "Error response from daemon: No such image: $1" >&2
    exit 1
  fi
  cat "$file"
}

# The paths of the container become those of the job.
localise() {
  local text=$1
  text=${text//\/dpuccd\/in/$in}
  text=${text//\/tmp\/.dpucc-end/$tmp\/.dpucc-end}
  text=${text//\/proc\//$control\/proc\/}
  printf '%s' "${text//\/dpuccd\/out/$out}"
}

run_container() {
  local name=nameless rm='' in='' out='' tmp='' entrypoint='' detach='' folder status argument
  local -a environment=(PATH="$control/bin:/usr/local/bin:/usr/bin:/bin") labels=() inner=()
  while [[ $1 == --* ]]; do
    case $1 in
    --rm) rm=1 && shift && continue ;;
    --pull=never | --init | --log-driver=none | --userns=keep-id) shift && continue ;;
    --detach) detach=1 && shift && continue ;;
    --name) name=$2 ;;
    --label) labels+=("$2") ;;
    --env) if [[ $2 == *=* ]]; then environment+=("$2"); else environment+=("$2=${!2-}"); fi ;;
    --entrypoint) entrypoint=$2 ;;
    --mount)
      argument=${2#type=bind,source=}
      case $2 in
      *target=/dpuccd/in,readonly) in=${argument%,target=*} ;;
      *target=/dpuccd/out) out=${argument%,target=*} ;;
      *target=/tmp) tmp=${argument%,target=*} ;;
      *) echo "unknown mount $2" >&2 && exit 125 ;;
      esac
      ;;
    --hostname | --network | --user | --cap-drop | --security-opt | --pids-limit | --cpus) ;;
    --memory | --memory-swap | --workdir) ;;
    *) echo "unknown option $1" >&2 && exit 125 ;;
    esac
    shift 2
  done
  if ! grep -qrx "${1#sha256:}" "$control/images" && ! grep -qrx "$1" "$control/images"; then
    echo "docker: Error response from daemon: No such image: $1." >&2
    exit 125
  fi
  shift
  folder=$containers/$name
  mkdir "$folder"
  printf '%s\n' "${labels[@]}" >"$folder/labels"
  echo running >"$folder/state"
  if [ -n "$detach" ]; then
    printf '%s\0' "$in" "$out" "$tmp" "${environment[@]}" >"$folder/detached"
    echo 0123456789ab
    return
  fi
  for argument; do inner+=("$(localise "$argument")"); done
  (
    cd "${tmp:-/tmp}"
    # shellcheck disable=SC2016 # for the inner shell
    exec setsid bash -c '
      folder=$1 control=$2; shift 2
      echo $$ >"$folder/process"
      status=0
      "$@" || status=$?
      killed=false
      if [ $status -eq 137 ] && [ -e "$control/out-of-memory" ]; then killed=true; fi
      echo "exited $status $killed" >"$folder/state"
      exit $status' double "$folder" "$control" \
      env -i HOME=/tmp TMPDIR="$tmp" "${environment[@]}" "$entrypoint" "${inner[@]}"
  ) &
  status=0
  wait $! || status=$?
  if rm "$control/crashes" 2>/dev/null; then
    echo 'exited 255 false' >"$folder/state"
    echo 'error waiting for container: unexpected EOF' >&2
    exit 125
  fi
  if [ -n "$rm" ]; then rm -rf "$folder"; fi
  exit "$status"
}

enter_container() { # --workdir DIRECTORY NAME COMMAND ...
  local folder=$containers/$3 in out tmp argument
  local -a kept inner=()
  if [ ! -e "$folder/detached" ] || [ "$(cat "$folder/state")" != running ]; then
    echo "Error response from daemon: No such container: $3" >&2
    exit 1
  fi
  shift 3
  mapfile -d '' kept <"$folder/detached"
  in=${kept[0]} out=${kept[1]} tmp=${kept[2]}
  for argument; do inner+=("$(localise "$argument")"); done
  cd "$tmp"
  exec env -i HOME=/tmp TMPDIR="$tmp" "${kept[@]:3}" "${inner[@]}"
}

inspect_container() {
  if [ ! -e "$containers/$1/state" ]; then
    echo "Error: No such container: $1" >&2
    exit 1
  fi
  local state
  state=$(cat "$containers/$1/state")
  if [ "$state" = running ]; then state='running 0 false'; fi
  echo "$state"
}

remove_container() {
  if [ ! -d "$containers/$1" ]; then
    echo "Error: No such container: $1" >&2
    exit 1
  fi
  if [ -e "$containers/$1/process" ] && [ "$(cat "$containers/$1/state")" = running ]; then
    kill -KILL -- "-$(cat "$containers/$1/process")" 2>/dev/null || true
  fi
  rm -rf "${containers:?}/$1"
}

list_containers() {
  local folder
  for folder in "$containers"/*; do
    if [ -e "$folder/labels" ] && grep -qxF "$1" "$folder/labels"; then
      basename "$folder"
    fi
  done
}

case $1 in
image) inspect_image "${@: -1}" ;;
inspect) inspect_container "${@: -1}" ;;
rm) remove_container "${@: -1}" ;;
ps) list_containers "${4#label=}" ;;
exec)
  shift
  enter_container "$@"
  ;;
diff) if [ -e "$control/changes" ]; then cat "$control/changes"; fi ;;
stop) echo 'exited 137 false' >"$containers/$4/state" ;;
version) echo 20.10.24-double ;;
info) echo '[name=seccomp,profile=default]' ;;
run)
  shift
  run_container "$@"
  ;;
*)
  echo "the double knows no '$1'" >&2
  exit 125
  ;;
esac
