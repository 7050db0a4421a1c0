# What somebody meets who has just installed it: another prefix, names mistyped, a file given
# twice. Messages are part of the interface.

bats_require_minimum_version 1.5.0

load helpers

setup() { sandbox_setup; }

teardown() { sandbox_teardown; }

@test "the default configuration is found beside the programs, and has both toolchains" {
  daemon_start
  dpucc mkmodel lenet --seed 1 -o m_int.xmodel
  arch_b1024
  run --separate-stderr -0 dpucc-client --toolchain dpucc get --wait m_int.xmodel
  # native is configured; whether it is installed is another matter
  run --separate-stderr dpucc-client --toolchain native get --wait m_int.xmodel
  [ "$status" -ne 2 ]
  [[ $stderr != *"no toolchain 'native'"* ]]
}

@test "a configuration that was named and is not there is an error" {
  run --separate-stderr -1 timeout 10 dpuccd --config "$SANDBOX/typo.json"
  [[ $stderr == *"typo.json: No such file"* ]]
  DPUCC_CONFIG=$SANDBOX/typo.json run --separate-stderr -1 timeout 10 dpuccd
  [[ $stderr == *"typo.json: No such file"* ]]
}

@test "get -o never replaces the model or the arch file" {
  daemon_start
  dpucc mkmodel lenet --seed 1 -o m_int.xmodel
  arch_b1024
  cp m_int.xmodel model.saved
  cp arch.json arch.saved
  ln -s m_int.xmodel alias.xmodel
  run --separate-stderr -2 dpucc-client get --wait -o ./m_int.xmodel m_int.xmodel
  [[ $stderr == *"-o would replace"* ]]
  run -2 dpucc-client get --wait -o alias.xmodel m_int.xmodel
  run -2 dpucc-client get --wait --arch arch.json -o arch.json m_int.xmodel
  for option in -o --depfile; do # it was found, not named
    run --separate-stderr -1 dpucc-client get --wait $option arch.json m_int.xmodel
    [[ $stderr == *"arch.json is what the model is compiled for"* ]]
  done
  cmp m_int.xmodel model.saved
  cmp arch.json arch.saved
  run -0 dpucc-client get --wait -o copy.xmodel m_int.xmodel
}

@test "in a directory that is gone, names are still names" {
  arch_b1024
  dpucc mkmodel lenet --seed 1 -o m_int.xmodel
  daemon_start
  dpucc-client watch .
  dpucc-client wait
  mkdir gone
  cd gone
  rmdir ../gone
  run --separate-stderr -0 dpucc-client wait --all
  for command in show log why get; do
    run --separate-stderr -0 dpucc-client $command m@b1024
    [ -n "$output" ]
  done
  run --separate-stderr -5 dpucc-client wait
  [[ $stderr == "dpucc-client: .: No such file"* ]]
  run --separate-stderr -5 dpucc-client show m_int.xmodel
  cd "$WORK"
}

@test "a link to a model is a source of the workspace that it is in" {
  mkdir watched elsewhere
  arch_b1024 watched/arch.json
  dpucc mkmodel lenet --seed 1 -o elsewhere/m_int.xmodel
  ln -s ../elsewhere/m_int.xmodel watched/link_int.xmodel
  daemon_start
  dpucc-client watch watched
  run --separate-stderr -0 dpucc-client wait watched/link_int.xmodel
  run --separate-stderr -0 dpucc-client status watched/link_int.xmodel
  [[ $output == *"link@b1024"*"ready"* ]]
  run --separate-stderr -5 dpucc-client wait elsewhere/m_int.xmodel
}

@test "long names do not run into the next column" {
  daemon_start
  arch_b1024
  name=$(printf 'n%.0s' {1..60})
  dpucc mkmodel lenet --seed 1 -o "${name}_int.xmodel"
  dpucc-client watch .
  dpucc-client wait
  run -0 dpucc-client status
  [[ $output == *"$name@b1024  ready"* ]]
}

@test "problems of files name the file once, with one colon" {
  daemon_start
  arch_b1024
  dpucc mkmodel lenet --seed 1 -o m_int.xmodel
  dpucc-client watch .
  dpucc-client wait
  echo '{ "targets": 1, }' >dpucc.json
  echo '{' >arch.json
  run -4 dpucc-client wait
  run --separate-stderr -0 dpucc-client status
  [[ $output == *"dpucc.json: line 1"* ]]
  [[ $output == *"arch.json: line 2"* ]]
  [[ $output != *": :"* ]]
}

@test "a name that does not exist: where to look" {
  daemon_start
  run --separate-stderr -5 dpucc-client show nobody@b1024
  [[ $stderr == *"there is no unit nobody@b1024; 'dpucc-client status' names them"* ]]
}

@test "wait fails when the project file names an arch file that is not there" {
  daemon_start
  dpucc mkmodel lenet --seed 1 -o m_int.xmodel
  echo '{ "targets": { "kria": "nope/arch.json" }, "models": [ { "xmodel": "m_int.xmodel" } ] }' \
    >dpucc.json
  dpucc-client watch .
  run --separate-stderr -4 dpucc-client wait
  [[ $stderr == *"nope/arch.json, and there is no such file"* ]]
}

@test "where the cache is: --cache-dir, then DPUCC_CACHE_DIR, then the configuration" {
  mkdir -p "$HOME/.config/dpucc"
  echo "{ \"cache\": { \"directory\": \"$SANDBOX/c3\" } }" >"$HOME/.config/dpucc/dpuccd.json"
  DPUCC_CACHE_DIR=$SANDBOX/c2 daemon_start --cache-dir "$SANDBOX/c1"
  daemon_stop
  [ -d "$SANDBOX/c1" ] && [ ! -e "$SANDBOX/c2" ] && [ ! -e "$SANDBOX/c3" ]
  DPUCC_CACHE_DIR=$SANDBOX/c2 daemon_start
  daemon_stop
  [ -d "$SANDBOX/c2" ] && [ ! -e "$SANDBOX/c3" ]
  daemon_start
  daemon_stop
  [ -d "$SANDBOX/c3" ]
}
