#!/usr/bin/env bats
# What the embedded compiler verifies, and what the daemon makes of it.

bats_require_minimum_version 1.5.0
load helpers

setup() {
  sandbox_setup
  arch_b1024
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
}

teardown() { sandbox_teardown; }

verify() { # WHICH
  configure "$(jq -n --arg verify "$1" '{
    toolchain: "dpucc", toolchains: {dpucc: {kind: "dpucc", verify: $verify}}}')"
}

get() {
  stderr=''
  run --separate-stderr dpucc-client --no-daemon get --wait Net_int.xmodel
}

# A double of `dpucc` whose compile leaves what it should, with other words in its report.
forge_report() { # JQ-FILTER
  mkdir -p "$SANDBOX/bin"
  cp "$BIN/dpuccd" "$BIN/dpucc-client" "$BIN/dpucc-remote" "$SANDBOX/bin/"
  cat >"$SANDBOX/bin/dpucc" <<DOUBLE
#!/bin/bash
"$BIN/dpucc" "\$@" || exit
[ "\$1" = compile ] || exit 0
jq '$1' out/report.json >forged && mv forged out/report.json
DOUBLE
  chmod +x "$SANDBOX/bin/dpucc"
  PATH=$SANDBOX/bin:$PATH
}

@test "none, small and full: the report, the warning, and another key for each" {
  for which in none small full; do
    verify $which
    get
    [ "$status" -eq 0 ]
    report=$(dirname "$output")/report.json
    [ "$(jq -r .verification.asked "$report")" = $which ]
    if [ $which = none ]; then
      [[ $stderr == *"open compiler's, and is not verified"* ]]
      [ "$(jq -r .proved "$report")" = none ]
    else
      [[ $stderr == *"verified in the simulator, run on no board"* ]]
      [ "$(jq -r .proved "$report")" = simulator ]
    fi
  done
  [ "$(dpucc-client --no-daemon list --json | jq '.artifacts | length')" = 3 ]
  # a hit says it, too
  get
  [[ $stderr == *"verified in the simulator, run on no board"* ]]
}

@test "an artifact that was to be verified and is not, is refused" {
  forge_report '.proved = "none"'
  get
  [ "$status" -eq 4 ]
  [[ $stderr == *"its code is not verified"* ]]
  verify full
  get
  [ "$status" -eq 4 ]
  verify none
  get
  [ "$status" -eq 0 ]
}

@test "a report that says nothing, or something else, is refused" {
  forge_report '.verification = null'
  get
  [ "$status" -eq 4 ]
  [[ $stderr == *"nothing tells that its code was verified"* ]]
  forge_report 'del(.proved)'
  get
  [ "$status" -eq 4 ]
  [[ $stderr == *"has no member"*proved* ]]
  verify full
  forge_report '.verification.asked = "small"'
  get
  [ "$status" -eq 4 ]
  [[ $stderr == *"to be verified as 'full', not as 'small'"* ]]
}

@test "a large model may be left out of small, and says so" {
  forge_report '.proved = "none" | .verification.left_out = "too large"'
  get
  [ "$status" -eq 0 ]
  [[ $stderr == *"is not verified"* ]]
  verify full
  get
  [ "$status" -eq 4 ]
}

@test "limits of the project hold for what our own compiler leaves on the CPU" {
  verify small
  jq -n '{models: [{xmodel: "Net_int.xmodel", net_name: "net", output_dir: "out",
                    limits: {max_dpu_subgraphs: 1, cpu_ops: ["fix2float"]}}]}' >dpucc.json
  daemon_start
  dpucc-client watch .
  dpucc-client wait --all
  [ -f out/net.xmodel ]
  jq '.models[0].limits.cpu_ops = ["softmax"]' dpucc.json >other && mv other dpucc.json
  run -7 dpucc-client get --wait Net_int.xmodel
  [[ $output == *fix2float* ]]
  jq '.models[0].limits = {max_dpu_subgraphs: 0}' dpucc.json >other && mv other dpucc.json
  run -7 dpucc-client get --wait Net_int.xmodel
  [[ $output == *"1 DPU subgraphs"* ]]
}
