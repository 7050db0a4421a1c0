# `dpucc targets`, and the frame of the program itself

bats_require_minimum_version 1.5.0

load helpers

setup() { sandbox_setup; }

teardown() { sandbox_teardown; }

@test "the table lists both generations of a name" {
  run -0 dpucc targets
  [ "$(grep -c '^DPUCZDX8G_ISA1_B4096 ' <<<"$output")" = 2 ]
  grep -q '^DPUCV2DX8G_ISA1_C20B14 .*0x0901400044000e44 c20b14 ' <<<"$output"
}

@test "a file, a fingerprint, a name and a short name are explained" {
  arch_b1024
  run -0 dpucc targets arch.json
  [ "${lines[0]}" = DPUCZDX8G_ISA1_B1024 ]
  grep -q 'fingerprint *0x0101000056010402$' <<<"$output"
  grep -q '0x0101000016010402 in Vitis AI 2.5 (differs in bit 30, argmax)' <<<"$output"

  run -0 dpucc targets 0x1000020F6014407
  [ "${lines[0]}" = DPUCZDX8G_ISA0_B4096_MAX_BG2 ]

  run -0 dpucc targets DPUCZDX8G_ISA1_B512
  grep -q 'only named' <<<"$output"

  run -0 dpucc targets b1152
  grep -q '^DPUCZDX8G_ISA1_B1152 ' <<<"$output"
}

@test "JSON holds the same" {
  [ "$(dpucc targets --json | jq '.targets | length')" -gt 70 ]
  run -0 dpucc targets --json 0x101000056010407
  [ "$(jq -r '.targets[0].short_name' <<<"$output")" = b4096 ]
  [ "$(jq -r '.targets[0].input_channel_parallel' <<<"$output")" = 16 ]
}

@test "what is no target gets one line and exit status 1" {
  echo '{"target":"dpuv2","dcf":"x.dcf"}' >old.json
  run -1 --separate-stderr dpucc targets old.json
  [ "${#stderr_lines[@]}" = 1 ]
  [[ $stderr == *old.json*DNNDK* ]]

  : >empty.json
  run -1 --separate-stderr dpucc targets empty.json
  [ "$stderr" = "dpucc targets: empty.json: the file is empty" ]

  run -1 --separate-stderr dpucc targets missing.json ./arch.json
  [ "${#stderr_lines[@]}" = 2 ]
}

@test "help, version and usage errors" {
  run -0 dpucc --help
  grep -q '^  targets ' <<<"$output"
  run -0 dpucc targets --help
  [[ ${lines[0]} == "usage: dpucc targets"* ]]
  run -0 dpucc --version
  [[ $output == dpucc\ * ]]
  run -2 dpucc
  run -2 dpucc nonsense
  run -2 dpucc targets --nonsense
}

@test "a full disk behind stdout is an error" {
  run -1 bash -c 'dpucc targets >/dev/full'
  [[ $output == *"No space left"* ]]
}
