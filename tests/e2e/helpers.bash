# Shared by the end-to-end suites (bats). Each test gets a directory of its own with its own
# home, cache, state, runtime directory and workspace, and its own daemon; nothing of the user's
# environment reaches it. A test that fails keeps the directory and says where it is.
#
#   setup() { sandbox_setup; }          teardown() { sandbox_teardown; }
#
# The oracle is what the daemon counted: `stat NAME`, `expect_stat NAME VALUE`. Nothing sleeps:
# wait_for runs a condition until it holds, at most 30 s.

sandbox_setup() {
  SANDBOX=$(mktemp -d "${TMPDIR:-/tmp}/dpucc-e2e.XXXXXX")
  BIN=${DPUCC_BIN_DIR:?set DPUCC_BIN_DIR to the folder of the programs}
  # shellcheck disable=SC2034 # for suites
  SOURCE=${DPUCC_SOURCE_DIR:?}
  TEST_SUPPORT=${DPUCC_SOURCE_DIR:?}/tests/support
  CORPUS=${DPUCC_CORPUS:-${DPUCC_SOURCE_DIR:?}/../shared/corpus}
  unset "${!XDG_@}" "${!DPUCC_@}" MAKEFLAGS MAKELEVEL
  export HOME=$SANDBOX/home PATH=$BIN:/usr/local/bin:/usr/bin:/bin LC_ALL=C.UTF-8
  export XDG_RUNTIME_DIR=$SANDBOX/run
  mkdir -p "$HOME" "$SANDBOX/work"
  mkdir -m 700 "$XDG_RUNTIME_DIR"
  configure '{}'
  WORK=$SANDBOX/work
  CACHE=$HOME/.cache/dpucc
  DAEMON_LOG=$SANDBOX/daemon.log
  DAEMON=
  cd "$WORK" || return 1
}

# The user's configuration: @JSON over one in which docker is not installed, whatever this machine
# has, because no test of something else may depend on it.
configure() { # JSON
  mkdir -p "$HOME/.config/dpucc"
  jq -n --argjson more "$1" '{toolchains: {container:
      {kind: "container", engine: "docker", path: "/nonexistent/docker", image: "none"}}} * $more' \
    >"$HOME/.config/dpucc/dpuccd.json"
}

sandbox_teardown() {
  if [ -n "$DAEMON" ] && kill -0 "$DAEMON" 2>/dev/null; then
    kill -TERM "$DAEMON"
    wait_for daemon_is_gone || kill -KILL "$DAEMON"
  fi
  cd /
  if [ "${BATS_TEST_COMPLETED:-}" = 1 ] || [ -n "${BATS_TEST_SKIPPED:-}" ]; then
    chmod -R u+rwX "$SANDBOX" 2>/dev/null || true
    rm -rf "$SANDBOX"
  else
    echo "kept: $SANDBOX"
    tail -n 40 "$DAEMON_LOG" 2>/dev/null || true
  fi
}

wait_for() { # CONDITION [ARG ...]
  local deadline=$((SECONDS + 90))
  until "$@"; do
    if [ $SECONDS -ge $deadline ]; then
      echo "timed out: $*"
      return 1
    fi
    read -r -t 0.02 <> <(:) || true
  done
}

daemon_is_gone() {
  # an orphan may stay a zombie for a while: that is gone, too
  ! kill -0 "$DAEMON" 2>/dev/null || grep -q '^State:[[:space:]]*Z' "/proc/$DAEMON/status" 2>/dev/null
}

daemon_answers() {
  dpucc-client roots >/dev/null 2>&1
}

daemon_start() { # [OPTION ...]
  dpuccd "$@" >>"$DAEMON_LOG" 2>&1 3>&- &
  DAEMON=$!
  wait_for daemon_answers || {
    cat "$DAEMON_LOG"
    return 1
  }
}

daemon_stop() {
  kill -TERM "$DAEMON"
  wait "$DAEMON"
  DAEMON=
}

stat_of() { # NAME -> value
  dpucc-client stats --json | jq -r --arg name "$1" '.statistics[$name] // .[$name] // 0'
}

stat_is() { # NAME VALUE
  [ "$(stat_of "$1")" = "$2" ]
}

expect_stat() { # NAME VALUE
  local got
  got=$(stat_of "$1")
  if [ "$got" != "$2" ]; then
    echo "statistic $1 is $got, expected $2"
    dpucc-client stats
    return 1
  fi
}

arch_b1024() { # [FILE]
  echo '{"fingerprint":"0x101000056010402"}' >"${1:-arch.json}"
}

# Programs of the test's own, in front of PATH, whose compiler stops at a gate: `dpucc compile`
# (a double in front of the real one) leaves its pid in $SANDBOX/started and goes on when
# $SANDBOX/open exists. Two compiles at once leave $SANDBOX/overlap.
gate_compiler() {
  mkdir -p "$SANDBOX/bin"
  cp "$BIN/dpuccd" "$BIN/dpucc-client" "$BIN/dpucc-remote" "$SANDBOX/bin/"
  cat >"$SANDBOX/bin/dpucc" <<GATE
#!/bin/bash
if [ "\$1" = compile ]; then
  exec 9>"$SANDBOX/turn"
  flock -n 9 || touch "$SANDBOX/overlap"
  echo \$\$ >>"$SANDBOX/started"
  until [ -e "$SANDBOX/open" ]; do sleep 0.05; done
fi
exec "$BIN/dpucc" "\$@"
GATE
  chmod +x "$SANDBOX/bin/dpucc"
  PATH=$SANDBOX/bin:$PATH
}

n_started() { [ -e "$SANDBOX/started" ] && [ "$(wc -l <"$SANDBOX/started")" -ge "$1" ]; }

without() { ! "$@"; } # a test does not end at a '!' of its own

process_is_gone() { # PID
  ! kill -0 "$1" 2>/dev/null || grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

children_named() { # PID NAME
  local pids pid
  read -ra pids <"/proc/$1/task/$1/children"
  for pid in "${pids[@]}"; do
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ]; then echo "$pid"; fi
  done
}

no_jobs_left() {
  [ -z "$(find "$CACHE/jobs" -mindepth 1 2>/dev/null)" ]
}

# A quantized model of which no layer can be on the DPU.
model_off_dpu() { # FILE
  "$BIN/../tests/support/double-source" "$1"
}

need_corpus() {
  [ -d "$CORPUS" ] || skip "no corpus of real models at $CORPUS"
}

# tests/support/double-vai_c_xir as a conda environment has the real one.
install_double() { # PREFIX
  mkdir -p "$1/bin" "$1/lib" "$1/conda-meta"
  cp "$TEST_SUPPORT/double-vai_c_xir" "$1/bin/vai_c_xir"
  ln -s "$BIN/../tests/support/double-compiled" "$1/bin/"
  echo 'version 1' >"$1/lib/libxcompiler-core.so"
}

# Whether nothing runs in a job's directory of this sandbox any more.
no_compiler_runs() {
  ! readlink /proc/[0-9]*/cwd 2>/dev/null | grep -qF "$CACHE/jobs/"
}

# The folders of KP Labs' tutorials, in which blanks and hyphens differ from board to board.
tutorial_tree() {
  local leopard='Leopard/Zero-to-hero/04 Deep learning Processor Unit'
  local antelope='Antelope/Zero-to-hero/04 Deep-learning Processor Unit'
  mkdir -p "$leopard" "$antelope" 'ML deployment/02 Model quantization'
  arch_b1024 "$leopard/arch.json"
  arch_b1024 "$antelope/arch.json"
  dpucc mkmodel lenet --seed 3 -o 'ML deployment/02 Model quantization/Unet_int.xmodel'
  BOARDS=("$leopard" "$antelope")
}

# FUNCTION, with an alias of a board's folder, in a work folder as the tutorial has it:
# arch.json, output/03-quantize/Unet_int.xmodel, output/04-compile/.
for_each_board() { # FUNCTION
  local board top=$PWD
  for board in "${BOARDS[@]}"; do
    mkdir -p "$top/sml tutorials/${board%%/*}/ml-deployment/output/03-quantize"
    cd "$top/sml tutorials/${board%%/*}/ml-deployment" || return 1
    cp "$top/$board/arch.json" .
    cp "$top/ML deployment/02 Model quantization/Unet_int.xmodel" output/03-quantize/
    "$1"
  done
  cd "$top" || return 1
}

# The tutorial's command, and what its reader looks at afterwards.
as_in_the_tutorial() {
  vai_c_xir --xmodel ./output/03-quantize/Unet_int.xmodel --arch ./arch.json --output_dir ./output/04-compile --net_name deep_globe_segmentation_unet_512_512 >log 2>&1
  local net=output/04-compile/deep_globe_segmentation_unet_512_512.xmodel
  grep -q 'Total device subgraph number 3, DPU subgraph number 1' log
  grep -qF "The compiled xmodel is saved to \"$PWD/./$net\"" log
  [ "$(md5sum <$net | cut -c1-32)" = "$(cat output/04-compile/md5sum.txt)" ]
  [ "$(jq -r .filename output/04-compile/meta.json)" = "${net##*/}" ]
  [ "$(find output/04-compile -type f | wc -l)" = 3 ]
  dpucc check --require-dpu --arch arch.json --source output/03-quantize/Unet_int.xmodel $net
}
