#!/usr/bin/env bats
# A real slurm of one node on the loopback device, reached through the launcher `srun`; the compiler
# is tests/support/double-vai_c_xir in what looks like a shared conda environment. Slow.

load helpers

bats_require_minimum_version 1.5.0

setup() {
  sandbox_setup
  need_slurm
  PREFIX="$SANDBOX/shared/envs/vitis-ai-wego-torch2"
  install_double "$PREFIX"
  slurm_start
  box '{}'
  cd "$WORK" || return 1
  dpucc mkmodel lenet --seed 3 -o Net_int.xmodel
  arch_b1024
}

teardown() {
  [ -z "$DAEMON" ] || daemon_stop || true
  slurm_stop
  sandbox_teardown
}

need_slurm() {
  local program
  for program in slurmctld slurmd munged srun; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || skip "no $program (scripts/bootstrap full)"
  done
  [ "$(id -u)" -eq 0 ] || skip "slurm needs root"
}

# No systemd, no cgroups, nothing outside the loopback device and the test's folder.
slurm_start() {
  SLURM=$SANDBOX/slurm
  export SLURM_CONF=$SLURM/slurm.conf PATH=$PATH:/usr/sbin
  mkdir -p "$SLURM/state" "$SLURM/spool"
  chmod 755 "$SANDBOX" "$SLURM"
  mkdir -m 700 "$SLURM/munge"
  head -c 1024 /dev/urandom >"$SLURM/munge/key"
  chmod 400 "$SLURM/munge/key"
  chown -R munge: "$SLURM/munge"
  mkdir -m 755 "$SLURM/munge-socket"
  chown munge: "$SLURM/munge-socket"
  setpriv --reuid munge --regid munge --clear-groups munged --foreground \
    --key-file="$SLURM/munge/key" --socket="$SLURM/munge-socket/socket" \
    --pid-file="$SLURM/munge/pid" --log-file="$SLURM/munge/log" \
    --seed-file="$SLURM/munge/seed" >/dev/null 2>&1 3>&- &
  SLURM_PIDS=$!
  local port=$((20000 + $$ % 20000))
  cat >"$SLURM_CONF" <<CONF
ClusterName=dpucc-test
SlurmctldHost=$(hostname -s)(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$SLURM/munge-socket/socket
CredType=cred/munge
SlurmUser=root
SlurmctldPort=$port
SlurmdPort=$((port + 1))
StateSaveLocation=$SLURM/state
SlurmdSpoolDir=$SLURM/spool
SlurmctldPidFile=$SLURM/slurmctld.pid
SlurmdPidFile=$SLURM/slurmd.pid
SlurmctldLogFile=$SLURM/slurmctld.log
SlurmdLogFile=$SLURM/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PropagateResourceLimits=NONE
KillWait=2
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  munge_is_there() { [ -S "$SLURM/munge-socket/socket" ]; }
  wait_for munge_is_there
  slurmctld -D >/dev/null 2>&1 3>&- &
  SLURM_PIDS+=" $!"
  slurmd -D >/dev/null 2>&1 3>&- &
  SLURM_PIDS+=" $!"
  slurm_answers() { sinfo -h -o %t 2>/dev/null | grep -q idle; }
  wait_for slurm_answers || {
    tail -n 20 "$SLURM"/*.log
    return 1
  }
}

slurm_stop() {
  local pid
  for pid in ${SLURM_PIDS:-}; do kill "$pid" 2>/dev/null || true; done
  for pid in ${SLURM_PIDS:-}; do wait "$pid" 2>/dev/null || true; done
}

box() { # MORE SETTINGS
  configure "$(jq -n --arg conda "$PREFIX" --argjson more "$1" '{
    toolchain: "cluster",
    toolchains: {cluster: ({kind: "native", conda: $conda, launcher: ["srun", "-n", "1", "-c", "2"],
                            environment: ["DOUBLE_VAI_C_XIR", "DOUBLE_VAI_C_XIR_CALLS"]} + $more)}}')"
}

get() {
  run --separate-stderr dpucc-client get --wait Net_int.xmodel
  echo "${stderr:-}"
}

queue_is_empty() { [ -z "$(squeue -h)" ]; }

@test "a compile goes through the scheduler; the compiler is identified there" {
  daemon_start
  get
  [ "$status" -eq 0 ]
  dpucc check --require-dpu --arch arch.json "$output"
  first=$output
  # the identity and the compile: jobs of the scheduler
  [ "$(scontrol -o show jobs | grep -c JobId=)" -ge 2 ]
  get
  [ "$output" = "$first" ]
  expect_stat compiler_runs 1

  # an update of the installation that the nodes see
  echo 'version 2' >"$PREFIX/lib/libxcompiler-core.so"
  daemon_stop
  daemon_start
  get
  [ "$status" -eq 0 ]
  [ "$output" != "$first" ]
}

@test "a failure on the node is a diagnosis; what is not installed there is told" {
  DOUBLE_VAI_C_XIR=traceback daemon_start
  get
  [ "$status" -eq 4 ]
  daemon_stop
  rm "$PREFIX/bin/vai_c_xir"
  daemon_start
  get
  [ "$status" -eq 1 ]
  [[ $stderr == *"is no program where its launcher srun runs it"* ]]
}

@test "a time limit ends the compile on the node" {
  box '{"time_limit_s": 2}'
  DOUBLE_VAI_C_XIR=hang daemon_start
  get
  [ "$status" -eq 1 ]
  [[ $stderr == *"time"* ]]
  wait_for queue_is_empty
  wait_for no_compiler_runs
}

@test "a daemon that is killed leaves nothing on the node" {
  DOUBLE_VAI_C_XIR=hang DOUBLE_VAI_C_XIR_CALLS=$SANDBOX/calls daemon_start
  dpucc-client watch .
  is_called() { [ -s "$SANDBOX/calls" ]; }
  wait_for is_called
  kill -KILL "$DAEMON"
  wait_for daemon_is_gone
  daemon_start
  get
  [ "$status" -eq 0 ]
  wait_for queue_is_empty
}
