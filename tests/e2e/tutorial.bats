#!/usr/bin/env bats
# docs/TUTORIAL.md, typed as it stands there; with a network of a smaller picture, for time.

bats_require_minimum_version 1.5.0
load helpers

setup() { sandbox_setup; }
teardown() { sandbox_teardown; }

# where cmake --install puts it, seen from the programs
install_masquerade() {
  mkdir -p "$SANDBOX/prefix/bin" "$SANDBOX/prefix/share/dpucc/masquerade"
  ln -s "$BIN"/dpucc* "$SANDBOX/prefix/bin/"
  ln -s ../../../bin/dpucc-client "$SANDBOX/prefix/share/dpucc/masquerade/vai_c_xir"
  PATH=$SANDBOX/prefix/bin:$PATH
}

@test "every command of the tutorial, in its order" {
  install_masquerade
  mapfile -t commands < <(sed -n 's/^\$ //p' "$SOURCE/docs/TUTORIAL.md")
  [ "${#commands[@]}" -gt 20 ]
  for command in "${commands[@]}"; do
    command=${command/mkmodel unet/mkmodel unet --size 64}
    [[ $command != "dpucc-client watch"* ]] || daemon_start
    echo "\$ $command"
    eval "$command"
  done >transcript
  cd "$WORK"
  grep -q 'deep_globe_segmentation_unet_512_512@leopard  *ready' transcript
  grep -q 'Total device subgraph number 3, DPU subgraph number 1' transcript
  [ "$(grep -c 'board: takes it' transcript)" = 1 ]
  cmp ml-deployment/by-hand/*.xmodel ml-deployment/output/04-compile/leopard/*.xmodel
  cmp ml-deployment/output/04-compile/antelope/*.xmodel ml-deployment/output/04-compile/leopard/*.xmodel
  grep -q '</html>' ml-deployment/unet.html
  expect_stat compiler_runs 1
}
