#!/usr/bin/env bats
# adopt: a file that was compiled elsewhere is kept under the key that a compile would have had.

bats_require_minimum_version 1.5.0

load helpers

setup() {
  sandbox_setup
  arch_b1024
  dpucc mkmodel lenet --seed 1 -o Net_int.xmodel
  dpucc compile -x Net_int.xmodel -a arch.json -o made -n net >made.log 2>&1
}

teardown() { sandbox_teardown; }

adopt() { # EXPECTED-CODE FILE [ARG ...]
  local code=$1 file=$2
  shift 2
  run --separate-stderr "-$code" dpucc-client --toolchain dpucc "${MODE[@]}" adopt "$file" \
    --source Net_int.xmodel --arch arch.json "$@"
}

nothing_is_kept() {
  [ -z "$(find "$CACHE/records" -type f)" ]
}

@test "what is right is a hit from then on, files and log as after a compile" {
  MODE=()
  daemon_start
  adopt 0 made/net.xmodel
  cmp "$output" made/net.xmodel
  cmp <(jq 'del(.filename)' "$(dirname "$output")/meta.json") <(jq 'del(.filename)' made/meta.json)
  [ "$(cat "$(dirname "$output")/md5sum.txt")" = "$(cat made/md5sum.txt)" ]
  adopted=$output
  expect_stat compiler_runs 0

  [ "$(dpucc-client --toolchain dpucc get --arch arch.json Net_int.xmodel)" = "$adopted" ]
  [[ $(dpucc-client log Net_int.xmodel) == *"The compiled xmodel is saved to"* ]]
  # the same model in other bytes, too
  dpucc mkmodel lenet --seed 1 --shuffle 7 -o Net_int.xmodel
  [ "$(dpucc-client --toolchain dpucc get --arch arch.json Net_int.xmodel)" = "$adopted" ]
  expect_stat compiler_runs 0
}

@test "that it was adopted is told: by get, by show, in JSON; of a compile it is not" {
  MODE=(--no-daemon)
  adopt 0 made/net.xmodel
  [[ $stderr != *"was adopted"* ]] # who did it knows
  local with
  for with in '' --no-daemon; do
    [ -n "$with" ] || daemon_start
    # shellcheck disable=SC2086
    run --separate-stderr -0 dpucc-client $with --toolchain dpucc get --arch arch.json Net_int.xmodel
    [[ $stderr == *"note: the artifact was adopted, not compiled here: it was $WORK/made/net.xmodel"* ]]
    # shellcheck disable=SC2086
    run --separate-stderr -0 dpucc-client $with show Net_int.xmodel
    [[ $output == *"adopted, not compiled here"*"$WORK/made/net.xmodel"* ]]
    # shellcheck disable=SC2086
    [ "$(dpucc-client $with show --json Net_int.xmodel | jq -r .artifact.adopted_path)" = "$WORK/made/net.xmodel" ]
  done
  run --separate-stderr -0 dpucc-client --force --toolchain dpucc get --wait --arch arch.json Net_int.xmodel
  [[ $stderr != *adopted* ]]
  run --separate-stderr -0 dpucc-client show Net_int.xmodel
  [[ $output != *adopted* ]]
}

@test "without a daemon, too; what is there already stays" {
  MODE=(--no-daemon)
  adopt 0 made/net.xmodel
  first=$output
  [[ $stderr != *"neither checked nor kept"* ]]
  echo anything >anything.xmodel
  for file in made/net.xmodel anything.xmodel; do
    adopt 0 $file
    [ "$output" = "$first" ]
    [[ $stderr == *"$file was neither checked nor kept"* ]]
  done
  no_jobs_left
}

@test "8: another source, another target, not compiled, not by that compiler; nothing is kept" {
  MODE=(--no-daemon)
  cp Net_int.xmodel source.xmodel
  adopt 8 source.xmodel
  [[ $stderr == *"not a compiled model"* ]]
  nothing_is_kept
  dpucc mkmodel lenet --seed 2 -o Net_int.xmodel
  adopt 8 made/net.xmodel
  [[ $stderr == *"another source"* ]]
  nothing_is_kept
  # a refusal is no diagnosis of the source
  run -0 dpucc-client --no-daemon --toolchain dpucc get --wait --arch arch.json Net_int.xmodel

  cp source.xmodel Net_int.xmodel
  mkdir -p "$HOME/.config/dpucc"
  printf '#!/bin/sh\n' >tool
  chmod +x tool
  echo "{\"toolchains\": {\"native\": {\"kind\": \"native\", \"path\": \"$PWD/tool\"}}}" \
    >"$HOME/.config/dpucc/dpuccd.json"
  run --separate-stderr -8 dpucc-client --no-daemon --toolchain native adopt made/net.xmodel \
    --source Net_int.xmodel --arch arch.json
  [[ $stderr == *"DPU"* || $stderr == *"the work of dpucc"* ]]
}

@test "a real file of the vendor's compiler for another target or source is refused" {
  need_corpus
  MODE=(--no-daemon)
  file=$(find "$CORPUS/compiled" -name '*.xmodel' -size -4096k | sort | head -n 1)
  [ -n "$file" ] || skip "no compiled file there"
  adopt 8 "$file"
  nothing_is_kept
}

# Each compiled file of the corpus whose quantized source is there, for a DPU of the kind that
# arch.json files name by fingerprint: adopted as what the vendor's tool makes of that source.
@test "real files of the vendor's compiler and the sources they were made from" {
  need_corpus
  MODE=(--no-daemon)
  install_double "$SANDBOX/conda"
  configure "$(jq -n --arg conda "$SANDBOX/conda" \
    '{toolchains: {vitis: {kind: "native", conda: $conda}}}')"
  local file fingerprint source n=0
  while IFS=$'\t' read -r file fingerprint source; do
    echo "$file for $fingerprint from $source"
    printf '{"fingerprint": "%s"}\n' "$fingerprint" >"arch-$n.json"
    cp "$CORPUS/$source" "m${n}_int.xmodel"
    run --separate-stderr -0 dpucc-client --no-daemon --toolchain vitis adopt "$CORPUS/$file" \
      --source "m${n}_int.xmodel" --arch "arch-$n.json"
    cmp "$output" "$CORPUS/$file"
    made=$output
    [ "$(md5sum <"$made" | cut -c1-32)" = "$(cat "$(dirname "$made")/md5sum.txt")" ]
    jq -e --arg name "m$n.xmodel" '.filename == $name and (.kernel | length) > 0' "$(dirname "$made")/meta.json"
    # from now on it is what a get with that toolchain has; nothing is compiled
    run --separate-stderr -0 dpucc-client --no-daemon --toolchain vitis get --arch "arch-$n.json" "m${n}_int.xmodel"
    [ "$output" = "$made" ]
    [[ $stderr == *"was adopted, not compiled here"* ]]
    # who made it is told as the file tells it, all components
    compilers=$(dpucc report "$made" | jq -r '.compiler | to_entries | map(.key + " " + .value) | sort | .[]')
    [ "$(dpucc-client --no-daemon show --json "m${n}_int.xmodel" | jq -r '.artifact.compiler / ", " | sort | .[]')" = "$compilers" ]
    [[ $compilers == *xcompiler* ]]
    dpucc-client --no-daemon report "m${n}_int.xmodel" | jq -e '.no_dpu_code == false'
    # another source does not fit
    dpucc mkmodel lenet --seed 1 -o other_int.xmodel
    run --separate-stderr -8 dpucc-client --no-daemon --toolchain vitis adopt "$CORPUS/$file" \
      --source other_int.xmodel --arch "arch-$n.json"
    # nor another board
    printf '{"fingerprint": "0x101000056010402"}\n' >other.json
    run --separate-stderr -8 dpucc-client --no-daemon --toolchain vitis adopt "$CORPUS/$file" \
      --source "m${n}_int.xmodel" --arch other.json
    n=$((n + 1))
  done < <(awk -F'\t' '$1 ~ /^compiled\// && $10 ~ /^0x1010000/ && $11 != "" {print $1 "\t" $10 "\t" $11}' \
    "$CORPUS/INDEX.tsv")
  [ "$n" -ge 1 ] || skip "no compiled file with its source there"
  echo "# adopted $n real files" >&3
}

@test "usage: source, arch file and toolchain must be named; missing files" {
  MODE=(--no-daemon)
  run -2 dpucc-client --no-daemon adopt made/net.xmodel --source Net_int.xmodel --arch arch.json
  [[ $output == *"--toolchain are needed"* ]]
  run -2 dpucc-client --no-daemon --toolchain dpucc adopt made/net.xmodel --source Net_int.xmodel
  run -2 dpucc-client --no-daemon --toolchain auto adopt made/net.xmodel --source Net_int.xmodel \
    --arch arch.json
  [[ $output == *"the toolchain that made it"* ]]
  adopt 5 missing.xmodel
  run -5 dpucc-client --no-daemon --toolchain dpucc adopt made/net.xmodel --source made/net.xmodel \
    --arch arch.json
}
