# `dpucc mkmodel` and `dpucc inspect`

bats_require_minimum_version 1.5.0

load helpers

setup() { sandbox_setup; }

teardown() { sandbox_teardown; }

@test "equal arguments give equal bytes, a shuffled model is the same one, a changed weight another" {
  dpucc mkmodel lenet --seed 1 -o a.xmodel
  dpucc mkmodel lenet --seed 1 --output b.xmodel
  cmp a.xmodel b.xmodel
  dpucc mkmodel lenet --seed 1 --shuffle 7 -o shuffled.xmodel
  run -1 cmp -s a.xmodel shuffled.xmodel
  dpucc mkmodel lenet --seed 1 --change-weight 0 -o changed.xmodel
  [ "$(stat -c %s a.xmodel)" = "$(stat -c %s changed.xmodel)" ]

  identity() { dpucc digest "$1" | cut -d' ' -f1; }
  [ "$(identity a.xmodel)" = "$(identity shuffled.xmodel)" ]
  [ "$(identity a.xmodel)" != "$(identity changed.xmodel)" ]
}

@test "a model replaces the file in one step and leaves nothing else" {
  echo old >m.xmodel
  exec 5<m.xmodel
  dpucc mkmodel unet --size 32 -o m.xmodel
  [ "$(cat <&5)" = old ]
  [ "$(ls -A)" = m.xmodel ]
  run -1 --separate-stderr dpucc mkmodel lenet -o no/such/place.xmodel
  [ "$stderr" = "dpucc mkmodel: no/such/place.xmodel: No such file or directory" ]
}

@test "every network is listed with its sizes, and is a quantized model" {
  run -0 dpucc mkmodel --list
  networks=$output
  [ "$(cut -d' ' -f1 <<<"$networks" | xargs)" = "lenet unet resnet18 resnet50 mobilenetv2 yolov5n" ]
  for net in resnet18 mobilenetv2 yolov5n; do
    grep -q "^$net .*multiples of 32" <<<"$networks"
    dpucc mkmodel "$net" --size 32 -o "$net.xmodel"
    [ "$(dpucc inspect --json "$net.xmodel" | jq -r .class)" = quantized ]
  done
  [ "$(dpucc inspect --json yolov5n.xmodel | jq -c '[.outputs[].shape]')" = \
    '[[1,4,4,255],[1,2,2,255],[1,1,1,255]]' ]
  [ "$(dpucc inspect --json mobilenetv2.xmodel | jq -c '.op_types | .relu6, ."depthwise-conv2d"' |
    xargs)" = "35 17" ]
}

@test "networks, sizes and weights that do not exist are named" {
  run -0 dpucc mkmodel --list
  [[ ${lines[1]} == unet* ]]
  run -2 dpucc mkmodel alexnet -o x
  run -2 dpucc mkmodel lenet
  run -2 dpucc mkmodel lenet --seed -1 -o x
  run -1 dpucc mkmodel unet --size 33 -o x
  [[ $output == *"multiples of 32"* ]]
  run -1 dpucc mkmodel lenet --change-weight 99999999 -o x
  [ ! -e x ]
}

@test "inspect shows models of every class and escapes their names" {
  dpucc mkmodel unet --size 64 -o u.xmodel
  run -0 dpucc inspect --ops u.xmodel
  grep -q '^class *quantized$' <<<"$output"
  grep -q '^  conv2d *31$' <<<"$output"
  grep -q '^  conv2d  *FLOAT32  -  *\[1, 32, 32, 64\]  *Unet__Unet_Conv2d_conv1__input_1$' <<<"$output"
  run -0 dpucc inspect --op Unet__Unet_Conv2d_conv1__input_1 u.xmodel
  grep -q "^  pad_mode  *string  *'FLOOR'$" <<<"$output"
  grep -q '^  weights  *Unet__conv1_weight_fix$' <<<"$output"
  [ "$(dpucc inspect --json u.xmodel | jq .op_types.relu)" = 27 ]
  run -1 dpucc inspect --op nothing u.xmodel
  [ "$output" = "dpucc inspect: u.xmodel: no op 'nothing'" ]

  # one op of a name and type with an escape character
  printf '\x2a\x0b\x0a\x01\x1b\x12\x01t\x2a\x03\x0a\x01n\x52\x06\x0a\x04root' >$'bad\x1b.xmodel'
  run -0 dpucc inspect --ops $'bad\x1b.xmodel'
  [[ $output != *$'\x1b'* ]]
  grep -q '^class *float$' <<<"$output"
}

@test "inspect says in one line what is no model" {
  echo text >t.xmodel
  head -c 1000 <(dpucc mkmodel lenet -o l.xmodel && cat l.xmodel) >cut.xmodel
  for file in t.xmodel cut.xmodel missing.xmodel .; do
    run -1 --separate-stderr dpucc inspect "$file"
    [ "${#stderr_lines[@]}" = 1 ]
    [[ $stderr == "dpucc inspect: $file: "* ]]
  done
}
