#!/usr/bin/env bats
# Real models that nobody here wrote.

load helpers

setup() {
  sandbox_setup
  need_corpus
  arch_b1024
  daemon_start
  dpucc-client watch "$WORK"
}

teardown() { sandbox_teardown; }

@test "every quantized model goes from the workspace to an artifact that reads again" {
  cp "$CORPUS"/quantized/*.xmodel .
  dpucc-client wait --all
  for model in *.xmodel; do
    artifact=$(dpucc-client get --wait "$model")
    dpucc inspect "$artifact" >/dev/null
    dpucc check --source "$model" --json "$artifact" >report.json || true
    [ "$(jq -r '.[0].source.match // .source.match // .source' report.json)" != none ]
  done
  expect_stat jobs_done "$(ls "$CORPUS"/quantized/*.xmodel | wc -l)"
}

@test "every compiled model is recognised, checked, and never compiled" {
  cp "$CORPUS"/compiled/*.xmodel .
  dpucc-client wait --all || true
  for model in *.xmodel; do
    run dpucc-client get "$model"
    [ "$status" -eq 5 ]
    [[ $output == *compiled* ]]
    run dpucc check "$model"
    [ "$status" -eq 0 ] || [ "$status" -eq 8 ]
  done
  expect_stat jobs_started 0
}
