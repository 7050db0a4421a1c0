#!/usr/bin/env bats
# Save a quantized model, query its compiled artifact.

bats_require_minimum_version 1.5.0
load helpers

setup() {
  sandbox_setup
  arch_b1024
  daemon_start
  dpucc-client watch "$WORK"
}

teardown() { sandbox_teardown; }

@test "a saved model is compiled in the background, and get prints the artifact" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client wait --all
  expect_stat jobs_done 1

  run dpucc-client get Net_int.xmodel
  [ "$status" -eq 0 ]
  [[ ${lines[-1]} == "$CACHE"/views/*/Net/Net.xmodel ]]
  # asking compiled nothing
  expect_stat jobs_started 1
}

@test "the artifact is complete, loadable, has a DPU subgraph and is verified" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  artifact=$(dpucc-client get --wait Net_int.xmodel 2>notes)
  folder=$(dirname "$artifact")
  for file in Net.xmodel meta.json md5sum.txt report.json compile.log; do
    [ -f "$folder/$file" ]
  done
  [ "$(md5sum <"$artifact" | cut -c1-32)" = "$(cat "$folder/md5sum.txt")" ]
  [ "$(jq -r .filename "$folder/meta.json")" = Net.xmodel ]
  dpucc inspect "$artifact" | grep -qi compiled
  grep -q 'DPU subgraph number 1' "$folder/compile.log"
  grep -q 'Verified in the simulator' "$folder/compile.log"
  [ "$(jq -r .proved "$folder/report.json")" = simulator ]
  dpucc check --require-dpu --arch arch.json --source Net_int.xmodel "$artifact"
  grep -q 'verified in the simulator, run on no board' notes
  dpucc-client show Net@b1024 | grep -q 'verified in the simulator, run on no board'
}

@test "an artifact without DPU code says so" {
  model_off_dpu Net_int.xmodel
  artifact=$(dpucc-client get --wait Net_int.xmodel 2>notes)
  grep -qi 'no DPU code' notes
  grep -q 'DPU subgraph number 0' "$(dirname "$artifact")/compile.log"
}

@test "the same model exported again has other bytes and is a hit" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  first=$(dpucc-client get --wait Net_int.xmodel)
  before=$(sha256sum <Net_int.xmodel)
  dpucc mkmodel lenet --seed 1 --shuffle 5 -o Net_int.xmodel
  [ "$before" != "$(sha256sum <Net_int.xmodel)" ]
  [ "$(dpucc-client get --wait Net_int.xmodel)" = "$first" ]
  expect_stat jobs_started 1
}

@test "the log has a line for the start of each job and one for its end" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client wait --all
  key=$(dpucc-client list --json | jq -r '.artifacts[0].key')
  [ ${#key} -eq 32 ]
  job="job ${key:0:8}: Net@b1024 with dpucc:"
  [ "$(grep -c "$job started" "$DAEMON_LOG")" -eq 1 ]
  grep -qE "$job done after [0-9]+\.[0-9]{3} s\$" "$DAEMON_LOG"
  # a hit is no job
  dpucc-client get Net_int.xmodel
  [ "$(grep -c "job ${key:0:8}" "$DAEMON_LOG")" -eq 2 ]
}

@test "a changed weight is another model" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  first=$(dpucc-client get --wait Net_int.xmodel)
  dpucc mkmodel lenet --seed 1 --change-weight 0 -o Net_int.xmodel
  second=$(dpucc-client get --wait Net_int.xmodel)
  [ "$first" != "$second" ]
  without cmp -s "$first" "$second"
  expect_stat jobs_done 2
}

@test "back to the old model is a hit again" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  first=$(dpucc-client get --wait Net_int.xmodel)
  dpucc mkmodel lenet --seed 2 -o Net_int.xmodel
  dpucc-client get --wait Net_int.xmodel
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  [ "$(dpucc-client get --wait Net_int.xmodel)" = "$first" ]
  expect_stat compiler_runs 2
}

@test "another arch file is another unit; a changed one is another key" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  first=$(dpucc-client get --wait Net_int.xmodel)
  echo '{"fingerprint":"0x101000056010407"}' >arch.json
  second=$(dpucc-client get --wait Net_int.xmodel)
  [ "$first" != "$second" ]
  echo '{"fingerprint":"0x101000056010402"}' >arch-leopard.json
  mv arch.json arch-kria.json
  run dpucc-client get --wait Net_int.xmodel
  [ "$status" -eq 2 ]
  [[ $output == *leopard* && $output == *kria* ]]
  [ "$(dpucc-client get --wait --target leopard Net_int.xmodel)" = "$first" ]
  [ "$(dpucc-client get --wait --arch arch-kria.json Net_int.xmodel)" = "$second" ]
}

@test "spellings of one fingerprint share an artifact" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  first=$(dpucc-client get --wait Net_int.xmodel)
  printf '{\r\n  "fingerprint" : "0x0101000056010402" }\r\n' >arch.json
  [ "$(dpucc-client get --wait Net_int.xmodel)" = "$first" ]
  expect_stat jobs_started 1
}

@test "get -o writes a copy" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  artifact=$(dpucc-client get --wait Net_int.xmodel)
  dpucc-client get --wait -o "$SANDBOX/copy.xmodel" Net_int.xmodel
  cmp "$artifact" "$SANDBOX/copy.xmodel"
}

@test "without --wait, what is not there yet is exit 3" {
  mkdir elsewhere
  dpucc mkmodel lenet --seed 9 -o "$SANDBOX/Other_int.xmodel"
  run dpucc-client get --arch arch.json "$SANDBOX/Other_int.xmodel"
  [ "$status" -eq 3 ]
}

@test "build compiles a model anywhere on the disk and delivers it" {
  mkdir "$SANDBOX/with space"
  dpucc mkmodel lenet --seed 3 -o "$SANDBOX/with space/M_int.xmodel"
  arch_b1024 "$SANDBOX/with space/arch.json"
  dpucc-client build "$SANDBOX/with space/M_int.xmodel" --arch "$SANDBOX/with space/arch.json" \
    --output_dir "$SANDBOX/with space/out" --net_name my_net
  (cd "$SANDBOX/with space/out" && [ "$(md5sum <my_net.xmodel | cut -c1-32)" = "$(cat md5sum.txt)" ])
  [ "$(jq -r .filename "$SANDBOX/with space/out/meta.json")" = my_net.xmodel ]
  cd "$SANDBOX/with space"
  # the letters of vai_c_xir, and the path that was asked for
  rm -r out
  [ "$(dpucc-client build -x M_int.xmodel -a arch.json -o out -n my_net)" = out/my_net.xmodel ]
  [ -f out/my_net.xmodel ]
  [ "$(dpucc-client build M_int.xmodel -a arch.json -o out)" = out/M.xmodel ]
  run -2 dpucc-client build -x M_int.xmodel M_int.xmodel
  run -2 dpucc-client build -a arch.json
}

@test "no arch file: the unit says what to do" {
  rm arch.json
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client wait --all || true
  run dpucc-client status
  [[ $output == *"no target"* ]]
  [[ $output == *arch.json* ]]
  arch_b1024
  dpucc-client get --wait Net_int.xmodel
}

@test "status, list, show, log and why answer, for people and as JSON" {
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc-client get --wait Net_int.xmodel
  dpucc-client status | grep -q 'Net@b1024'
  dpucc-client status --json | jq -e '.units[0].state == "ready"'
  dpucc-client list | grep -q Net
  dpucc-client show Net@b1024 | grep -qi fingerprint
  dpucc-client log Net@b1024 | grep -q 'Total device subgraph number'
  dpucc-client why Net@b1024 | grep -q 'toolchain'
  key=$(dpucc-client status --json | jq -r '.units[0].key')
  dpucc-client show "${key:0:8}" >/dev/null
  dpucc-client roots | grep -q "$WORK"
  run dpucc-client show nothing@nowhere
  [ "$status" -eq 5 ]
}

@test "shutdown stops the daemon cleanly; then exit 6 names the remedy" {
  dpucc-client shutdown
  wait "$DAEMON"
  DAEMON=
  run dpucc-client status
  [ "$status" -eq 6 ]
  [[ $output == *dpuccd* ]]
}
