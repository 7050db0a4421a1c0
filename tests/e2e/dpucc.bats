#!/usr/bin/env bats
# The dpucc program as people and scripts call it: flags, exit statuses, messages, files.

bats_require_minimum_version 1.5.0

load helpers

setup() {
  sandbox_setup
  arch_b1024
}

teardown() {
  sandbox_teardown
}

model() { # FILE [OPTION ...]
  local file=$1
  shift
  dpucc mkmodel lenet --seed 1 -o "$file" "$@"
}

compile() { # DIR [OPTION ...]
  local dir=$1
  shift
  dpucc compile -x q.xmodel -a arch.json -o "$dir" -n net "$@"
}

fails_with() { # STATUS TEXT COMMAND ...: one line of reason
  local status_wanted=$1 text=$2
  shift 2
  run -"$status_wanted" "$@"
  [[ $output == *"$text"* ]] || {
    echo "got: $output"
    return 1
  }
}

@test "version names this build" {
  run -0 dpucc version
  [[ $output =~ ^dpucc\ [0-9]+\.[0-9]+\.[0-9]+\ \(build\ [0-9a-f]{40}\)$ ]]
  [ "$(dpucc --version)" = "$output" ]
}

@test "help: every command has one, with an example" {
  for command in check compile digest report; do
    run -0 dpucc "$command" --help
    [[ $output == "usage: dpucc $command"* ]]
    [[ $output == *Example* ]]
    [[ $output == *"Exit status"* ]]
  done
}

@test "compile writes the four files: one DPU subgraph, verified" {
  model q.xmodel
  run -0 --separate-stderr compile out
  [ -z "$output" ]
  log=$stderr
  [[ $log == *"Total device subgraph number 3, DPU subgraph number 1"* ]]
  [[ $log == *"On the CPU: "*"(fix2float): "* ]]
  [[ $log == *"Verified in the simulator: "*"No board has run "* ]]
  [[ $log == *"The compiled xmodel is saved to \"$WORK/out/net.xmodel\""* ]]
  sum=$(md5sum <out/net.xmodel | cut -d' ' -f1)
  [ "$(cat out/md5sum.txt)" = "$sum" ]
  [[ $log == *"The compiled xmodel's md5sum is $sum"* ]]
  [ "$(jq -r .filename out/meta.json)" = net.xmodel ]
  [ "$(jq '.kernel | length' out/meta.json)" = 1 ]
  [ "$(jq -r .target out/meta.json)" = DPUCZDX8G_ISA1_B1024 ]
  [ "$(jq .no_dpu_code out/report.json)" = false ]
  [ "$(jq -r .proved out/report.json)" = simulator ]
  [ "$(jq -c .verification out/report.json)" = '{"asked":"small","programs":1,"inputs":["random","natural","ramp","max","min"],"left_out":null,"internal_errors":0}' ]
  [ "$(jq '[.off_dpu[] | select(.reason == null)] | length' out/report.json)" = 0 ]
  [ "$(find out -type f | wc -l)" = 4 ]
  dpucc verify --source q.xmodel --inputs all --orders 3 out/net.xmodel
}

@test "compile --verify none, small and full" {
  model q.xmodel
  run -0 --separate-stderr compile none --verify none
  [[ $stderr == *"The DPU code is not verified: "* ]]
  [ "$(jq -r '.proved + " " + .verification.asked' none/report.json)" = "none none" ]
  [ "$(jq '.verification.left_out != null' none/report.json)" = true ]
  compile full --verify full
  [ "$(jq -r '.proved + " " + .verification.asked' full/report.json)" = "simulator full" ]
  # the model is the same, whether somebody looked at it or not
  cmp none/net.xmodel full/net.xmodel
  fails_with 2 "none, small or full" compile out --verify some

  # the default leaves large ones out, and says so
  dpucc mkmodel unet --size 256 -o q.xmodel
  run -0 --separate-stderr compile large
  [[ $stderr == *"The DPU code is not verified: "*"--verify full"* ]]
  [ "$(jq -r .proved large/report.json)" = none ]
}

@test "compile: a model without a layer for the DPU; --require-dpu" {
  model_off_dpu q.xmodel
  run -0 --separate-stderr compile out
  [[ $stderr == *"There is no DPU code in this file"* ]]
  [ "$(jq -r .kernel out/meta.json)" = "" ]
  [ "$(jq .no_dpu_code out/report.json)" = true ]
  [ "$(jq -r .proved out/report.json)" = none ]
  [ "$(jq .verification.left_out out/report.json)" = null ]
  run -1 compile other --require-dpu
  [[ $output == *"nothing is written"* ]]
  [ ! -e other ]
  model q.xmodel
  compile other --require-dpu
}

@test "compile: the U-Net is one DPU subgraph and softmax" {
  dpucc mkmodel unet --size 64 -o q.xmodel
  compile out --verify none
  [ "$(jq -c '[.subgraphs[].device]' out/report.json)" = '["USER","DPU","CPU"]' ]
  [ "$(jq -c '[.off_dpu[].type]' out/report.json)" = '["fix2float","softmax"]' ]
  dpucc check --require-dpu --arch arch.json --source q.xmodel out/net.xmodel
}

@test "compile: arguments of vai_c_xir, long and short, and its defaults" {
  model q.xmodel
  dpucc compile --xmodel q.xmodel --arch arch.json --output_dir a/b --net_name long \
    --options "{'hd_opt': 'true'}"
  [ -f a/b/long.xmodel ]
  dpucc compile -x q.xmodel -a arch.json
  [ -f deploy.xmodel ]
  dpucc compile -x q.xmodel --target DPUCZDX8G_ISA1_B4096 -o c
  dpucc compile -x q.xmodel --fingerprint 0x101000056010407 -o d
  [ "$(jq -r .target c/meta.json)" = DPUCZDX8G_ISA1_B4096 ]
  cmp c/deploy.xmodel d/deploy.xmodel
  [ "$(dpucc check --json c/deploy.xmodel | jq -r .fingerprint)" = 0x0101000056010407 ]
}

@test "compile: equal models give equal files, whatever their bytes and place" {
  model q.xmodel
  compile one
  mkdir elsewhere
  model elsewhere/other.xmodel --shuffle 7
  run ! cmp -s q.xmodel elsewhere/other.xmodel
  (cd elsewhere && dpucc compile -x other.xmodel -a ../arch.json -o ../two -n net)
  cmp one/net.xmodel two/net.xmodel
  cmp one/report.json two/report.json
  (cd elsewhere && env -i HOME=/nowhere LC_ALL=C.UTF-8 TZ=Asia/Tokyo PATH="$PATH" \
    dpucc compile -x other.xmodel -a ../arch.json -o ../three -n net)
  cmp one/net.xmodel three/net.xmodel

  model q.xmodel --change-weight 3
  compile four
  run ! cmp -s one/net.xmodel four/net.xmodel
}

@test "compile: what a model without a layer for the DPU becomes is pinned" {
  model_off_dpu q.xmodel
  compile out
  # without provenance, so the same for every build; a change means: new files for everybody
  [ "$(dpucc digest out/net.xmodel)" = "e2281780a48ff9662993222ef5db7131  out/net.xmodel" ]
}

@test "compile --dump prints a pass and writes nothing" {
  model q.xmodel
  for pass in lower partition plan; do
    run -0 --separate-stderr compile out --dump $pass
    [ -n "$output" ]
    [ -z "$stderr" ]
  done
  [[ $(compile out --dump partition) == *" DPU subgraph_"* ]]
  [[ $(compile out --dump plan) == *"REG_1 "*" bytes"*" steps "* ]]
  [ ! -e out ]
  fails_with 2 "lower, partition or plan" compile out --dump emit
}

@test "compile: usage errors are exit 2" {
  model q.xmodel
  fails_with 2 "no model" dpucc compile -a arch.json
  fails_with 2 "one target" dpucc compile -x q.xmodel
  fails_with 2 "one target" dpucc compile -x q.xmodel -a arch.json --target b1024
  fails_with 2 "net_name is one component" compile out -n ../x
  fails_with 2 "unexpected argument" compile out more
  fails_with 2 "--bad" compile out --bad
}

@test "compile: everything else that is wrong is one line and exit 1" {
  model q.xmodel
  fails_with 1 "missing.xmodel: No such file" dpucc compile -x missing.xmodel -a arch.json
  fails_with 1 "missing.json: No such file" dpucc compile -x q.xmodel -a missing.json
  fails_with 1 ".: Is a directory" dpucc compile -x . -a arch.json
  echo '{"fingerprint":"0x603000b56011861"}' >other.json
  fails_with 1 "DPUCZDX8G ISA1 only" dpucc compile -x q.xmodel -a other.json
  fails_with 1 "NOSUCH" dpucc compile -x q.xmodel --target DPUCZDX8G_ISA1_NOSUCH
  fails_with 1 "plugins" compile out -e "{'plugins': 'x'}"
  fails_with 1 "out/net.xmodel: Is a directory" eval 'mkdir -p out/net.xmodel && compile out'
  [[ ${lines[-1]} == "dpucc compile: "* ]]
  touch file
  fails_with 1 "file: " compile file
  compile done
  fails_with 1 "compiled" dpucc compile -x done/net.xmodel -a arch.json
}

@test "compile and check: hostile files are refused with file and reason" {
  model q.xmodel
  size=$(stat -c %s q.xmodel)
  : >empty.xmodel
  head -c $((size / 2)) q.xmodel >cut.xmodel
  head -c 4096 /dev/urandom | tr -d '\0-\037' >noise.xmodel
  printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n' >lfs.xmodel
  # a length of 2^63 in the first field; a message in a message in a message ...
  printf '\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f' >bomb.xmodel
  # shellcheck disable=SC2016 # the variables are perl's
  perl -e 'for (1 .. 10000) {
      my ($n, $size) = (length($body), "");
      do { $size .= chr($n & 127 | ($n > 127 ? 128 : 0)); $n >>= 7; } while $n;
      $body = "\x52" . $size . $body;
    }
    print $body' >deep.xmodel
  for file in empty cut noise lfs bomb deep; do
    run -1 dpucc compile -x $file.xmodel -a arch.json -o out
    [ "${#lines[@]}" = 1 ]
    [[ $output == "dpucc compile: $file.xmodel: "* ]]
    [ ! -e out ]
    run -1 dpucc check $file.xmodel
    run -1 dpucc digest $file.xmodel
  done
  [[ $(dpucc compile -x lfs.xmodel -a arch.json 2>&1) == *"git lfs pull"* ]]
}

@test "compile: names in a file cannot forge output" {
  model q.xmodel
  name=$'evil\e[31m.xmodel'
  cp q.xmodel "$name"
  dpucc compile -x "$name" -a arch.json -o out 2>log
  run ! grep -q $'\e' log
  run dpucc check "$name"
  [[ $output != *$'\e'* ]]
}

@test "compile does not overwrite what it compiles" {
  model net.xmodel
  sum=$(md5sum <net.xmodel)
  fails_with 1 "net.xmodel: the compiled model would overwrite it" \
    dpucc compile -x net.xmodel -a arch.json -o . -n net
  ln -s ../net.xmodel "$(mkdir link && echo link)/q.xmodel"
  fails_with 1 "would overwrite it" dpucc compile -x link/q.xmodel -a arch.json -n net
  [ "$(md5sum <net.xmodel)" = "$sum" ]
  [ ! -e meta.json ]
  dpucc compile -x net.xmodel -a arch.json -o . -n other
}

@test "compile leaves the old files when the new ones cannot be written" {
  model q.xmodel
  compile out
  sum=$(cat out/net.xmodel out/md5sum.txt | md5sum)
  head -c 1000 q.xmodel >bad.xmodel
  run -1 dpucc compile -x bad.xmodel -a arch.json -o out -n net
  [ "$(cat out/net.xmodel out/md5sum.txt | md5sum)" = "$sum" ]
  [ "$(find out -type f | wc -l)" = 4 ]
}

@test "check: our own file, its source" {
  model q.xmodel
  compile out
  model again.xmodel --shuffle 2
  model other.xmodel --change-weight 0
  run -0 dpucc check --require-dpu --arch arch.json --source q.xmodel out/net.xmodel
  run -0 --separate-stderr dpucc check --json --source again.xmodel out/net.xmodel
  [ "$(jq -r .source <<<"$output")" = canonical ]
  [ "$(jq .ok <<<"$output")" = true ]
  [ "$(jq .dpu_subgraphs <<<"$output")" = 1 ]
  run -8 --separate-stderr dpucc check --json --source other.xmodel out/net.xmodel
  [ "$(jq -r .source <<<"$output")" = differs ]
  run -8 dpucc check --fingerprint 0x101000056010407 out/net.xmodel
  run -8 dpucc check q.xmodel
  [[ $output == *"not a compiled model"* ]]
}

@test "check: a file without DPU code" {
  model_off_dpu q.xmodel
  compile out
  run -0 dpucc check --arch arch.json --source q.xmodel out/net.xmodel
  [[ $output == *"no DPU code"* ]]
  [ "$(dpucc check --json out/net.xmodel | jq .dpu_subgraphs)" = 0 ]
  run -8 dpucc check --require-dpu out/net.xmodel
}

@test "check: several files, one line each, the worst decides" {
  model q.xmodel
  compile out
  run -0 dpucc check --json out/net.xmodel out/net.xmodel
  [ "${#lines[@]}" = 2 ]
  run -8 dpucc check --json out/net.xmodel q.xmodel
  [ "$(jq -r .class <<<"${lines[1]}")" = quantized ]
  run -1 dpucc check --json out/net.xmodel q.xmodel missing.xmodel
  [ "$(jq -r .class <<<"${lines[2]}")" = unreadable ]
  [ "$(jq .ok <<<"${lines[2]}")" = false ]
  fails_with 2 "no file" dpucc check
  fails_with 2 "one of --arch" dpucc check --arch arch.json --target-name b out/net.xmodel
}

@test "check: every compiled model of the corpus, for its board and for another" {
  need_corpus
  for file in "$CORPUS"/compiled/*.xmodel; do
    json=$(dpucc check --json --require-dpu "$file")
    fingerprint=$(jq -r .fingerprint <<<"$json")
    name=compiled/$(basename "$file")
    wanted=$(awk -F'\t' -v name="$name" '$1 == name { print $10 }' "$CORPUS/INDEX.tsv")
    [ $((fingerprint)) = $((wanted)) ]
    dpucc check --fingerprint "$wanted" "$file"
    run -8 dpucc check --fingerprint 0x101000056010402 "$file"
    run -1 dpucc compile -x "$file" -a arch.json -o out
    [ ! -e out ]
    [ "$(dpucc report "$file" | jq .no_dpu_code)" = false ]
  done
  run -8 dpucc check --fingerprint 0x101000056010407 "$CORPUS/compiled/voxelnet.B4096-2.5.xmodel"
  [[ $output == *"only in bit 30"* ]]
}

@test "check: the corpus pairs are proved by their md5, and no other pair is" {
  need_corpus
  while IFS=$'\t' read -r file source; do
    json=$(dpucc check --json --source "$CORPUS/$source" "$CORPUS/$file")
    [ "$(jq -r .source <<<"$json")" = bytes ]
  done < <(awk -F'\t' '$1 ~ /^compiled/ && $11 != "" { print $1 "\t" $11 }' "$CORPUS/INDEX.tsv")
  run -8 --separate-stderr dpucc check --json --source "$CORPUS/quantized/zerodce.xmodel" \
    "$CORPUS/compiled/voxelnet.B4096-3.0.xmodel"
  [ "$(jq -r .source <<<"$output")" = differs ]
}

@test "compile: every quantized model of the corpus" {
  need_corpus
  for file in "$CORPUS"/quantized/*.xmodel; do
    dpucc compile --verify none -x "$file" -a arch.json -o "out/$(basename "$file")" -n net
    dpucc check --source "$file" --arch arch.json "out/$(basename "$file")/net.xmodel"
  done
}

@test "digest: forms, and what they are digests of" {
  model q.xmodel
  model again.xmodel --shuffle 3
  [ "$(dpucc digest q.xmodel | cut -d' ' -f1)" = "$(dpucc digest again.xmodel | cut -d' ' -f1)" ]
  run ! [ "$(dpucc digest --form bytes <&- q.xmodel)" = "$(dpucc digest q.xmodel)" ]
  [ "$(dpucc digest --form bytes --sha256 q.xmodel)" = "$(sha256sum q.xmodel)" ]
  [ "$(dpucc digest --form map-sorted q.xmodel | cut -d' ' -f1 | wc -c)" = 33 ]
  fails_with 2 "canonical, map-sorted and bytes" dpucc digest --form other q.xmodel
  fails_with 1 "missing.xmodel" dpucc digest missing.xmodel
  fails_with 2 "no file" dpucc digest
}

@test "a full disk behind stdout is an error" {
  [ -e /dev/full ] || skip "no /dev/full"
  model q.xmodel
  compile out
  run -1 bash -c 'dpucc report out/net.xmodel >/dev/full'
  run -1 bash -c 'dpuccd --version >/dev/full'
  run -1 bash -c 'dpucc check --json out/net.xmodel >/dev/full'
}

@test "report: names and reasons from source and log" {
  model q.xmodel
  compile out
  printf '%s\n' '[UNILOG][INFO] Target architecture: DPUCZDX8G_ISA1_B1024' \
    '[UNILOG][WARNING] xir::Op{name = nowhere, type = relu} has been assigned to CPU: [so].' >log
  dpucc report --source q.xmodel --log log out/net.xmodel >report.json
  [ "$(jq -r .log.target report.json)" = DPUCZDX8G_ISA1_B1024 ]
  [ "$(jq -r '.log.unmatched[0].reason' report.json)" = so ]
  [ "$(jq '[.off_dpu[] | select(.source_op == null)] | length' report.json)" -lt \
    "$(jq '.off_dpu | length' report.json)" ]
  [ "$(jq .log <(dpucc report out/net.xmodel))" = null ]
  fails_with 1 'not a quantized model' dpucc report --source out/net.xmodel out/net.xmodel
  fails_with 1 'missing.log' dpucc report --log missing.log out/net.xmodel
}

@test "diff: equal, the same function, different" {
  model q.xmodel
  compile out
  [ "$(dpucc diff --exit-code out/net.xmodel out/net.xmodel)" = 'the same file' ]

  cp q.xmodel elsewhere.xmodel
  dpucc compile -x elsewhere.xmodel -a arch.json -o again -n net
  dpucc diff --exit-code out/net.xmodel again/net.xmodel

  dpucc mkmodel lenet --seed 2 -o other.xmodel
  dpucc compile -x other.xmodel -a arch.json -o other -n net
  dpucc diff out/net.xmodel other/net.xmodel
  run -8 dpucc diff --exit-code out/net.xmodel other/net.xmodel
  [[ "$output" == 'they differ'* ]]
  run -8 dpucc diff --exit-code --json out/net.xmodel other/net.xmodel
  [ "$(jq .same_function <<<"$output")" = false ]
  [ "$(jq '[.changes[] | select(.effect)] | length > 0' <<<"$output")" = true ]

  fails_with 1 'not a compiled model' dpucc diff q.xmodel out/net.xmodel
  run -2 dpucc diff out/net.xmodel
}
