#!/usr/bin/env bats
# Pages: what `dpucc report` and `dpucc-client report` make of compiled models for people.

bats_require_minimum_version 1.5.0

load helpers

setup() {
  sandbox_setup
  arch_b1024
}

teardown() { sandbox_teardown; }

model() { # SEED
  dpucc mkmodel lenet --seed "$1" -o Net_int.xmodel
}

client() { # EXPECTED-CODE [ARG ...]
  local code=$1
  shift
  run --separate-stderr "-$code" dpucc-client "$@"
}

is_page() { # FILE
  [ "$(head -c 15 "$1")" = "<!DOCTYPE html>" ] && [ "$(tail -n 1 "$1")" = "</html>" ]
}

@test "dpucc report makes pages of any compiled file, the same each time" {
  model 1
  dpucc compile -x Net_int.xmodel -a arch.json -o out -n net
  dpucc report --html -o page.html out/net.xmodel
  is_page page.html
  dpucc report --html out/net.xmodel | cmp - page.html
  dpucc report --html -o - out/net.xmodel | cmp - page.html
  [ "$(dpucc report --svg out/net.xmodel | head -c 5)" = "<svg " ]
  [ "$(dpucc report --md out/net.xmodel | head -n 1)" = "## net.xmodel" ]
  dpucc report --md --title 'a|b' --note 'commit=<c>' out/net.xmodel >page.md
  grep -q '^## a&#124;b$' page.md
  grep -q '^| commit | <code>&#60;c&#62;</code> |$' page.md
  # what it was, JSON, can go to a file, too
  dpucc report -o report.json out/net.xmodel
  dpucc report out/net.xmodel | cmp - report.json
}

@test "dpucc report compares with the file before" {
  model 1
  dpucc compile -x Net_int.xmodel -a arch.json -o one -n net
  model 2
  dpucc compile -x Net_int.xmodel -a arch.json -o two -n net
  dpucc report --md --previous one/net.xmodel two/net.xmodel >page.md
  grep -q '^### Difference' page.md
  grep -q 'do not do the same' page.md
  dpucc report --md --previous two/net.xmodel two/net.xmodel | grep -q 'The two do the same'
  run ! grep -q Difference <(dpucc report --md two/net.xmodel)
}

@test "dpucc report: what it refuses, it refuses with a reason" {
  model 1
  dpucc compile -x Net_int.xmodel -a arch.json -o out -n net
  run -2 dpucc report --html --svg out/net.xmodel
  run -2 dpucc report --title x out/net.xmodel
  run -2 dpucc report --html --note x out/net.xmodel
  run -1 dpucc report --html Net_int.xmodel
  [[ $output == *"not a compiled model"* ]]
  run -1 dpucc report --html --previous missing out/net.xmodel
  echo '[]' >bad.json
  run -1 dpucc report --html --report bad.json out/net.xmodel
  [[ $output == *bad.json* ]]
  run -1 dpucc report --html -o missing/page.html out/net.xmodel
  run -1 bash -c 'dpucc report --html out/net.xmodel >/dev/full'
}

@test "a report takes the place of no model, and of nothing that it is made of" {
  model 1
  daemon_start
  dpucc-client build Net_int.xmodel --arch arch.json --output_dir out
  sums=$(md5sum Net_int.xmodel out/Net.xmodel arch.json)
  run -1 dpucc report -o out/Net.xmodel out/Net.xmodel
  [[ $output == *"name of a model"* ]]
  ln out/Net.xmodel other
  run -1 dpucc report --html -o other out/Net.xmodel
  [[ $output == *"would replace what it is made of"* ]]
  run -1 dpucc report --arch arch.json -o arch.json out/Net.xmodel
  client 1 report Net_int.xmodel --html -o Net_int.xmodel
  [[ $stderr == *"name of a model"* ]]
  [ "$(md5sum Net_int.xmodel out/Net.xmodel arch.json)" = "$sums" ]
}

@test "the client's page tells what the daemon knows, whatever X is" {
  model 1
  daemon_start
  first=$(dpucc-client build Net_int.xmodel --arch arch.json --output_dir out)
  key=$(dpucc-client list --json | jq -r '.artifacts[0].key')
  for x in Net_int.xmodel Net@b1024 "${key:0:12}" "$first"; do
    client 0 report "$x" --html -o page.html
    [ -z "$output$stderr" ]
    is_page page.html
    grep -q "<title>Net@b1024</title>" page.html
    grep -q "$key" page.html
    grep -q "$WORK/Net_int.xmodel" page.html
    grep -qF "$(jq -r '.off_dpu[0].reason' out/report.json)" page.html
    run ! grep -q 'id="difference"' page.html
    rm page.html
  done
  [ "$(dpucc-client report Net@b1024 --svg | head -c 5)" = "<svg " ]
  dpucc-client report --md Net@b1024 --note commit=abc | grep -q '^| commit | <code>abc</code>'
}

# A compiler of this machine that fails while there is a file `fail`; its code is none that could
# be counted.
vendor() {
  local prefix=$SANDBOX/conda/envs/vitis-ai
  install_double "$prefix"
  mv "$prefix/bin/vai_c_xir" "$prefix/bin/vai_c_xir.real"
  cat >"$prefix/bin/vai_c_xir" <<DOUBLE
#!/bin/bash
if [ -e "$SANDBOX/fail" ]; then export DOUBLE_VAI_C_XIR=fatal:XCOM_PM_FAIL; fi
exec "$prefix/bin/vai_c_xir.real" "\$@"
DOUBLE
  chmod +x "$prefix/bin/vai_c_xir"
  configure "$(jq -n --arg conda "$prefix" \
    '{toolchain: "vitis", toolchains: {vitis: {kind: "native", conda: $conda}}}')"
}

build() {
  dpucc-client build Net_int.xmodel --arch arch.json --output_dir out
}

@test "the client's page compares with the artifact before, past a compile that failed" {
  vendor
  daemon_start
  model 1
  build
  old=$(dpucc-client list --json | jq -r '.artifacts[0].key')
  model 2
  touch "$SANDBOX/fail"
  run -4 build
  rm "$SANDBOX/fail"
  client 5 report Net_int.xmodel --html
  [[ $stderr == *"nothing to make a page of"* ]]
  client 5 report Net@b1024 --html

  model 3
  build
  client 0 report Net_int.xmodel --html -o page.html
  grep -q 'id="difference"' page.html
  grep -q "compared with the key" page.html
  grep -q "$old" page.html
  grep -q 'class="box dpu"' page.html
  grep -q 'vitis' page.html
  # a file that somebody changed is not what the daemon knows
  dpucc compile -x Net_int.xmodel --target DPUCZDX8G_ISA1_B4096 -o other -n Net
  cp --remove-destination other/Net.xmodel out/Net.xmodel
  client 0 report out/Net.xmodel --html -o page.html
  grep -q "<title>Net.xmodel</title>" page.html
}

@test "the client's page without a daemon: of a file, and with --no-daemon of all" {
  model 1
  client 0 --no-daemon build Net_int.xmodel --arch arch.json --output_dir out
  client 0 report out/Net.xmodel --html -o page.html
  dpucc report --html out/Net.xmodel | cmp - page.html
  client 0 --no-daemon report Net@b1024 --html -o page.html
  grep -q "<title>Net@b1024</title>" page.html
  client 6 report Net@b1024 --html
  client 5 --no-daemon report Nothing@b1024 --html
  [ -z "$output" ]
  rm -r "$CACHE"
  client 1 --no-daemon report Net_int.xmodel --html
  [[ $stderr == *"not a compiled model"* ]]
  client 2 report --html
}
