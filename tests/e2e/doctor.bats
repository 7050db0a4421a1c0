#!/usr/bin/env bats
# doctor: each thing that can be missing is named, with what to do about it.

bats_require_minimum_version 1.5.0

load helpers

# Nothing of this machine but what a shell needs: no engine, no compiler.
setup() {
  sandbox_setup
  PROGRAMS=$SANDBOX/programs
  mkdir -p "$PROGRAMS" "$SANDBOX/tools" "$SANDBOX/share/dpucc"
  cp "$BIN/dpuccd" "$BIN/dpucc-client" "$BIN/dpucc" "$PROGRAMS/"
  cp "$SOURCE/conf/dpuccd.json" "$SANDBOX/share/dpucc/"
  local tool
  for tool in bash sh env cat grep sed tr rm mkdir basename dirname setsid mktemp md5sum cut jq; do
    ln -s "$(command -v "$tool")" "$SANDBOX/tools/$tool"
  done
  HIDDEN=$PROGRAMS:$SANDBOX/tools
  plain '{"toolchain": "dpucc"}'
}

teardown() { sandbox_teardown; }

plain() { echo "$1" >"$HOME/.config/dpucc/dpuccd.json"; }

doctor() { # EXPECTED-CODE [ARG ...]
  local code=$1
  shift
  PATH=$HIDDEN run --separate-stderr "-$code" "$PROGRAMS/dpucc-client" "$@" doctor
  echo "$output" "$stderr"
}

line() { # REGEX: of one line of the output
  grep -qE "$1" <<<"$output" || {
    echo "no line like: $1"
    return 1
  }
}

serve() { PATH=$HIDDEN daemon_start "$@"; }

n_failed() { grep -c '^failed' <<<"$output" || true; }

# The double of docker, with an image that holds a vai_c_xir.
box() { # MORE
  mkdir -p "$SANDBOX/engine/control/images" "$SANDBOX/engine/control/bin"
  cp "$TEST_SUPPORT/double-docker.sh" "$SANDBOX/engine/docker"
  printf 'sha256:%064d\n' 7 >"$SANDBOX/engine/control/images/vendor%vitis:3.5"
  printf '#!/bin/sh\nexit 0\n' >"$SANDBOX/engine/control/bin/vai_c_xir"
  chmod +x "$SANDBOX/engine/control/bin/vai_c_xir"
  plain "$(jq -n --arg docker "$SANDBOX/engine/docker" --argjson more "$1" '{toolchain: "dpucc",
    toolchains: {box: ({kind: "container", engine: "docker", path: $docker,
                        image: "vendor/vitis:3.5"} + $more)}}')"
}

@test "all is well: 0; what is not installed and nobody wants is a warning" {
  serve
  dpucc-client watch .
  doctor 0
  line '^ok +daemon: dpuccd .*, process [0-9]+, at .*dpuccd.sock'
  line '^ok +configuration: .*dpuccd.json$'
  line '^ok +cache: .*/dpucc, [0-9]+ MiB free|^warning +cache: .* make room'
  line '^ok +state: |^warning +state: .* make room'
  line '^ok +dpucc: .*/programs/dpucc, dpucc '
  line '^ok +toolchain dpucc, identity: '
  line '^warning +toolchain native, program: .*no vai_c_xir on PATH'
  line '^warning +toolchain container, (engine|image): .*not installed'
  line "^ok +workspace: $WORK: watching, 0 models"
  line '^0 failed, [0-9]+ warnings$'
  line '^ok +files: [0-9]+ of [0-9]+ that may be open are$'
  watches=$(grep -oE 'inotify: [0-9]+ of' <<<"$output" | tr -dc 0-9)
  [ "$watches" -ge 1 ]
}

@test "--json has the same, step by step" {
  serve
  doctor 0 --json
  [ "$(jq -r .outcome <<<"$output")" = "done" ]
  [ "$(jq -r '.findings[0].subject' <<<"$output")" = daemon ]
  [ "$(jq -r '[.findings[] | select(.state == "failed")] | length' <<<"$output")" = 0 ]
  [ "$(jq -r '.findings[] | select(.subject == "toolchain native") | .state, .step' <<<"$output")" = $'warning\nprogram' ]
  rm -r "$CACHE/jobs"
  doctor 1 --json
  [ "$(jq -r '.findings[] | select(.state == "failed") | .subject' <<<"$output")" = jobs ]
  [ "$(jq -r .code <<<"$output")" = 1 ]
}

@test "no daemon is a failure with the remedy, and the rest is looked at all the same" {
  doctor 1
  line '^failed +daemon: no daemon at .*systemctl --user start dpuccd'
  line '^ok +toolchain dpucc, identity: '
  [ "$(n_failed)" = 1 ]
  doctor 0 --no-daemon
  [[ $output != *daemon:* ]]
}

@test "a cache, a state and a place for jobs that cannot be written" {
  DPUCC_CACHE_DIR=/proc/dpucc doctor 1 --no-daemon
  line '^failed +cache: .*/proc/dpucc.*DPUCC_CACHE_DIR'
  line '^ok +jobs: |^warning +jobs: .* make room'
  [ "$(n_failed)" = 1 ]
  DPUCC_CACHE_DIR=/proc/dpucc XDG_STATE_HOME=/proc TMPDIR=/proc/tmp doctor 1 --no-daemon
  line '^failed +cache: '
  line '^failed +state: .*XDG_STATE_HOME'
  line '^failed +jobs: .*nothing can be compiled'
  DPUCC_CACHE_DIR=/proc/dpucc serve
  doctor 1
  line '^failed +cache: '
}

@test "a cache that is off or only read by choice is no failure" {
  plain '{"toolchain": "dpucc", "cache": {"mode": "read_only"}}'
  doctor 0 --no-daemon
  line '^warning +cache: .*/dpucc: only read, as configured'
  plain '{"toolchain": "dpucc", "cache": {"mode": "off"}}'
  doctor 0 --no-daemon
  line '^warning +cache: .*/dpucc: off, as configured'
  serve
  doctor 0
  line '^warning +cache: .*off, as configured'
}

@test "a configuration that is wrong: where, and what is in force" {
  serve
  plain '{"concurrency": 0}'
  doctor 1
  line '^failed +configuration: .*dpuccd.json.*concurrency.*what was read before stays in force'
  run dpucc-client reload
  plain '{"toolchain": "dpucc"}'
  doctor 0
  line '^warning +configuration: .*dpucc-client reload'
  dpucc-client reload
  doctor 0
  line '^ok +configuration: '
  daemon_stop
  plain '{"concurrency": 0}'
  doctor 1 --no-daemon
  [[ $stderr == *dpuccd.json*concurrency* ]]
}

@test "a dpucc that is not of this build, or does not run" {
  serve
  rm "$PROGRAMS/dpucc"
  printf '#!/bin/sh\necho dpucc 0.0.1\n' >"$PROGRAMS/dpucc"
  chmod +x "$PROGRAMS/dpucc"
  doctor 1
  line '^failed +dpucc: .* is dpucc 0.0.1, but dpuccd is '
  printf '#!/bin/sh\necho no library >&2\nexit 127\n' >"$PROGRAMS/dpucc"
  doctor 1
  line '^failed +dpucc: .*does not run \(no library\)'
  rm "$PROGRAMS/dpucc"
  doctor 1
  line '^failed +dpucc: .*cannot be started'
}

@test "native: no environment, no tool in it, no tool on PATH, no launcher" {
  mkdir -p "$SANDBOX/conda/envs/empty/bin"
  plain "$(jq -n --arg conda "$SANDBOX/conda/envs" '{toolchain: "dpucc", toolchains: {
    nameless: {kind: "native", conda: "nobody-made-this"},
    gone: {kind: "native", conda: ($conda + "/gone")},
    empty: {kind: "native", conda: ($conda + "/empty")},
    pathless: {kind: "native"},
    launched: {kind: "native", launcher: ["no-such-launcher", "-n", "1"]}}}')"
  serve
  doctor 1
  line "^failed +toolchain nameless, environment: .*no conda environment 'nobody-made-this'.*conda env list"
  line '^failed +toolchain gone, environment: .*/gone is not there; .conda env list'
  line '^ok +toolchain empty, environment: '
  line '^failed +toolchain empty, program: .*bin/vai_c_xir is no program that can run'
  line '^failed +toolchain pathless, program: .*no vai_c_xir on PATH'
  line '^failed +toolchain launched, launcher: .*no-such-launcher is not on this machine; install it'
  [ "$(n_failed)" = 5 ]
}

@test "native: an environment with the tool in it is good to the last step" {
  install_double "$SANDBOX/conda root/envs/vitis"
  plain "$(jq -n --arg conda "$SANDBOX/conda root/envs/vitis" \
    '{toolchain: "vitis", toolchains: {vitis: {kind: "native", conda: $conda}}}')"
  serve
  doctor 0
  line '^ok +toolchain vitis, environment: .*/conda root/envs/vitis$'
  line '^ok +toolchain vitis, program: .*/bin/vai_c_xir$'
  line '^ok +toolchain vitis, identity: [0-9a-f]{32} \(2 files\)'
  # what `conda activate` would run is not, and that is said
  mkdir -p "$SANDBOX/conda root/envs/vitis/etc/conda/activate.d"
  echo 'export XILINX=1' >"$SANDBOX/conda root/envs/vitis/etc/conda/activate.d/env.sh"
  doctor 0
  line '^ok +toolchain vitis, environment: .*activate.d are not run.*"environment"'
}

@test "container: good; tool missing in the image; image missing; engine down; no engine" {
  box '{}'
  serve
  doctor 0
  line '^ok +toolchain box, engine: docker 20.10'
  line '^ok +toolchain box, image: vendor/vitis:3.5 is 0+7'
  line '^ok +toolchain box, start: '

  printf '#!/bin/sh\necho the image has no conda environment x >&2\nexit 127\n' \
    >"$SANDBOX/engine/control/bin/vai_c_xir"
  doctor 1
  line '^failed +toolchain box, start: .*the image has no conda environment x'
  rm "$SANDBOX/engine/control/images/"*
  doctor 1
  line '^failed +toolchain box, image: .*not on this machine.*docker pull vendor/vitis:3.5'
  touch "$SANDBOX/engine/control/down"
  doctor 1
  line '^failed +toolchain box, engine: .*docker does not answer.*systemctl start docker'
  rm "$SANDBOX/engine/docker"
  doctor 1
  line '^failed +toolchain box, engine: .*there is no docker; install it'
  [ "$(n_failed)" = 1 ]
}

@test "auto: an engine that is down keeps it from choosing; a workspace keeps to what it has" {
  install_double "$SANDBOX/conda"
  plain '{}'
  PATH=$HIDDEN:$SANDBOX/conda/bin daemon_start
  dpucc-client watch .
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  arch_b1024
  dpucc-client wait --all
  doctor 0
  line "^ok +choice: \"auto\" is 'native' for a new workspace"
  line "^ok +choice: the workspace $WORK keeps to 'native'"
  daemon_stop
  serve
  doctor 1
  line '^failed +toolchain native, program: .*no vai_c_xir on PATH'
  line "^ok +choice: \"auto\" is 'dpucc' for a new workspace"
  daemon_stop
  box '{}'
  touch "$SANDBOX/engine/control/down"
  jq '.toolchain = "auto"' "$HOME/.config/dpucc/dpuccd.json" >new && mv new "$HOME/.config/dpucc/dpuccd.json"
  serve
  doctor 1
  line '^failed +choice: .*auto.*docker does not answer'
}

@test "which vai_c_xir scripts get: ours, with or without another behind it, or another" {
  doctor 0 --no-daemon
  [[ $output != *"vai_c_xir: "* ]]
  mkdir "$SANDBOX/masquerade"
  ln -s "$PROGRAMS/dpucc-client" "$SANDBOX/masquerade/vai_c_xir"
  install_double "$SANDBOX/conda"
  HIDDEN=$SANDBOX/masquerade:$HIDDEN
  doctor 0 --no-daemon
  line "^ok +vai_c_xir: $SANDBOX/masquerade/vai_c_xir is dpucc's: .* through the cache, with the toolchain"
  HIDDEN=$HIDDEN:$SANDBOX/conda/bin
  doctor 0 --no-daemon
  line "^ok +vai_c_xir: $SANDBOX/masquerade/vai_c_xir is dpucc's: .*with $SANDBOX/conda/bin/vai_c_xir behind it"
  HIDDEN=$SANDBOX/conda/bin:$HIDDEN
  doctor 0 --no-daemon
  line "^ok +vai_c_xir: $SANDBOX/conda/bin/vai_c_xir is not dpucc's: .*share/dpucc/masquerade"
}

@test "only one toolchain, if one is named; one that is not configured is a usage error" {
  box '{}'
  serve
  doctor 0 --toolchain box
  line '^ok +toolchain box, start: '
  [[ $output != *"toolchain native"* ]]
  # who names it wants it
  doctor 1 --toolchain native
  line '^failed +toolchain native, program: '
  doctor 2 --toolchain nonesuch
  [[ $stderr == *"no toolchain 'nonesuch'"* ]]
  doctor 2 --no-daemon --toolchain nonesuch
}

@test "a workspace that is gone" {
  mkdir place
  serve
  dpucc-client watch place
  rmdir place
  is_gone() { dpucc-client roots | grep -q gone; }
  wait_for is_gone
  doctor 1
  line '^failed +workspace: .*/place: gone'
}

@test "an engine that hangs keeps nobody waiting, and a client that gives up ends nothing" {
  box '{}'
  mkfifo "$SANDBOX/gate"
  sed -i "2i : >'$SANDBOX/asked'; read -r _ <'$SANDBOX/gate' || true" "$SANDBOX/engine/docker"
  serve
  dpucc-client --toolchain box doctor >out 2>&1 3>&- &
  client=$!
  is_asked() { [ -e "$SANDBOX/asked" ]; }
  wait_for is_asked
  dpucc-client status >/dev/null
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  arch_b1024
  dpucc-client get --wait Net_int.xmodel
  run -124 dpucc-client --timeout 1 --toolchain box doctor
  # what answers from now on finds the gate open
  sed -i 2d "$SANDBOX/engine/docker"
  echo go >"$SANDBOX/gate"
  wait "$client"
  grep -q '^ok .*toolchain box, start' out
}

@test "few files, units with a problem, variables that the daemon does not see" {
  arch_b1024
  dpucc mkmodel lenet -o good_int.xmodel
  mkdir -p apart/q
  cp good_int.xmodel apart/q/lost_int.xmodel
  echo '{"targets":{"a":"none.json"},"models":[{"xmodel":"apart/q/lost_int.xmodel","targets":["a"]}]}' >dpucc.json
  (ulimit -n 200 && PATH=$HIDDEN exec dpuccd >>"$DAEMON_LOG" 2>&1 3>&-) &
  DAEMON=$!
  wait_for daemon_answers
  dpucc-client watch .
  dpucc-client wait || true
  DPUCC_CONFIG=/elsewhere doctor 0
  line '^warning +files: [0-9]+ of 200 that may be open are: start dpuccd with more'
  line '^warning +units: 2: 1 ready, 0 at work, 1 with a problem; .*status'
  line '^ok +environment: DPUCC_CONFIG is /elsewhere in this shell'
}
