#!/usr/bin/env bats
# The files of docs/recipes, each as its reader would use it.

bats_require_minimum_version 1.5.0
load helpers

setup() {
  sandbox_setup
  RECIPES=$SOURCE/docs/recipes
  mkdir -p boards/leopard boards/antelope
  arch_b1024 boards/leopard/arch.json
  echo '{"fingerprint":"0x101000056010407"}' >boards/antelope/arch.json
  dpucc mkmodel lenet --seed 1 -o Unet_int.xmodel
}

teardown() { sandbox_teardown; }

is_for() { # BOARD FILE
  dpucc check --require-dpu --arch "boards/$1/arch.json" --source Unet_int.xmodel "$2"
}

both_boards() { # PREFIX BEFORE-BOARD
  is_for leopard "$1leopard/Unet.xmodel"
  is_for antelope "$1antelope/Unet.xmodel"
}

# what is written next is newer than all that is there, however coarse the clock of files is
later() { find . -exec touch -d '1 minute ago' {} +; }

@test "make: both boards, nothing to do the second time, a change is compiled" {
  daemon_start
  cp "$RECIPES/make/Makefile" .
  make -j2
  both_boards out/
  run -0 make -q
  expect_stat compiler_runs 2

  later
  dpucc mkmodel lenet --seed 2 -o Unet_int.xmodel
  run -1 make -q
  make -j2
  both_boards out/
  run -0 make -q
  later
  # the old model is back with a new time: the rule runs, nothing is compiled
  dpucc mkmodel lenet --seed 1 --shuffle 3 -o Unet_int.xmodel
  make -j2
  both_boards out/
  expect_stat compiler_runs 4
}

@test "make: a board's arch file changes, a model goes" {
  daemon_start
  cp "$RECIPES/make/Makefile" .
  make
  later
  echo '{"fingerprint":"0x101000056010404"}' >boards/leopard/arch.json
  make
  both_boards out/
  expect_stat compiler_runs 3
  mv Unet_int.xmodel Other_int.xmodel
  make
  is_for_other() { dpucc check --require-dpu --arch boards/leopard/arch.json --source Other_int.xmodel "$1"; }
  is_for_other out/leopard/Other.xmodel
}

@test "make: without a daemon; a model that is none stops it, and leaves no file" {
  cp "$RECIPES/make/Makefile" .
  make DPUCC='dpucc-client --no-daemon' out/leopard/Unet.xmodel
  is_for leopard out/leopard/Unet.xmodel
  echo nonsense >Unet_int.xmodel
  rm -r out
  run -2 make DPUCC='dpucc-client --no-daemon'
  [[ $output == *Unet_int.xmodel* ]]
  [ ! -e out/leopard/Unet.xmodel ]
}

@test "cmake: configure, build, install; nothing to do the second time" {
  daemon_start
  cp "$RECIPES"/cmake/* .
  cmake -B build -G Ninja --install-prefix "$SANDBOX/image" >/dev/null
  cmake --build build
  cmake --install build >/dev/null
  both_boards "$SANDBOX/image/share/dpu-models/"
  run -0 cmake --build build
  [[ $output == *"no work to do"* ]]

  later
  dpucc mkmodel lenet --seed 2 -o Unet_int.xmodel
  cmake --build build
  both_boards build/unet-
  expect_stat compiler_runs 4
}

@test "cmake with make: what the depfile names is a dependency, too" {
  daemon_start
  dpucc-client watch .
  dpucc-client wait --all || true
  cp "$RECIPES"/cmake/* .
  cmake -B build -G 'Unix Makefiles' >/dev/null
  cmake --build build
  both_boards build/unet-
  n=$(stat_of requests_get)
  cmake --build build
  [ "$(stat_of requests_get)" = "$n" ]
}

@test "depfile: what was named and what was found, escaped as make reads it" {
  daemon_start
  mkdir 'a b'
  mv Unet_int.xmodel 'a b/U$1#_int.xmodel'
  arch_b1024 'a b/arch.json'
  echo '{}' >'a b/dpucc.json'
  dpucc-client watch 'a b'
  dpucc-client get --wait 'a b/U$1#_int.xmodel' -o 'out 1.xmodel' --depfile d
  cmp d - <<EOF
out\ 1.xmodel: a\ b/U\$\$1\\#_int.xmodel $WORK/a\ b/arch.json $WORK/a\ b/dpucc.json
a\ b/U\$\$1\\#_int.xmodel $WORK/a\ b/arch.json $WORK/a\ b/dpucc.json:
EOF
  printf 'include d\nout\\ 1.xmodel: ; @echo made of $(words $^): $?\n' >Makefile
  [ "$(make)" = '' ] || [[ $(make) == *up\ to\ date* ]]
  later
  echo '{ }' >'a b/dpucc.json'
  [[ $(make) == "made of"*"dpucc.json" ]]
  # gone: no complaint that nothing makes it
  rm 'a b/dpucc.json'
  [[ $(make) == "made of"* ]]

  run -1 dpucc-client get --wait 'a b/U$1#_int.xmodel' --depfile no/where/d
  [[ $output == *no/where/d* ]]
}

@test "depfile: names that make would take for something else" {
  arch_b1024
  local folder
  for folder in 'lr=0.1,wd=1e-4' 'run 12:30' '100%' '5%=a'; do
    mkdir "$folder"
    cp Unet_int.xmodel "$folder/"
    dpucc-client --no-daemon get --wait --arch arch.json -o out.xmodel --depfile d \
      "$folder/Unet_int.xmodel"
    printf 'include d\nout.xmodel: ; @echo made of $?\n' >Makefile
    later
    run -0 make
    [[ $output == *"up to date"* ]]
    touch "$folder/Unet_int.xmodel"
    run -0 make
    [ "$output" = "made of $folder/Unet_int.xmodel" ]
    printf 'rule r\n  command = cp d e && touch out.xmodel\n  depfile = e\nbuild out.xmodel: r\n' \
      >build.ninja
    rm -f e .ninja_log
    ninja
    [[ $(ninja -n) == *"no work"* ]]
  done
  for folder in 'a;touch ran;' 'a|b'; do
    mkdir "$folder"
    cp Unet_int.xmodel "$folder/"
    run -1 dpucc-client --no-daemon get --wait --arch arch.json --depfile d "$folder/Unet_int.xmodel"
    [[ $output == *"make would misread; rename it"* ]]
  done
  cp arch.json 'lr=0.1,wd=1e-4'
  cd 'lr=0.1,wd=1e-4'
  dpucc-client --no-daemon get --wait --arch arch.json -o out.xmodel --depfile d Unet_int.xmodel
  cd ..
  run -1 dpucc-client --no-daemon get --wait --depfile d --arch 'lr=0.1,wd=1e-4/arch.json' \
    'lr=0.1,wd=1e-4/Unet_int.xmodel'
  for out in 'lr=0.xmodel' '5%.xmodel'; do
    run -1 dpucc-client --no-daemon get --wait -o "$out" --depfile d Unet_int.xmodel
    [[ $output == *"a target with"* ]]
  done
}

@test "depfile: never in the place of what is compiled, or of what was" {
  arch_b1024
  sum=$(cat Unet_int.xmodel arch.json | md5sum)
  for input in Unet_int.xmodel ./arch.json; do
    for command in 'get --wait' build; do
      # shellcheck disable=SC2086 # words
      run -2 dpucc-client --no-daemon $command Unet_int.xmodel --arch arch.json --depfile $input
      [[ $output == *"--depfile would replace what is to be compiled"* ]]
    done
  done
  [ "$(cat Unet_int.xmodel arch.json | md5sum)" = "$sum" ]
  run -1 dpucc-client --no-daemon get --wait Unet_int.xmodel -o a.xmodel --depfile ./a.xmodel
  [[ $output == *"would replace the artifact"* ]]
  run -1 dpucc-client --no-daemon build Unet_int.xmodel -a arch.json -o . --depfile Unet.xmodel
  [[ $output == *"would replace the artifact"* ]]
  dpucc check a.xmodel Unet.xmodel
}

# do_NAME of dpu-model.inc, in a shell as bitbake's: -e, its variables set, nothing else of ours
bitbake_task() { # NAME
  env -i PATH="$PATH" HOME="$SANDBOX/none" S="$WORK" B="$SANDBOX/b" D="$SANDBOX/image" \
    datadir=/usr/share DPUCC_CACHE_DIR="$SANDBOX/downloads/dpucc" DPUCC_TOOLCHAIN=dpucc DPU_MODEL=Unet_int.xmodel \
    DPU_ARCH=boards/leopard/arch.json DPU_NET_NAME=unet \
    sh -ec "$(sed -n "/^do_$1() {/,/^}/p" "$RECIPES/yocto/dpu-model.inc"); do_$1"
}

@test "yocto: compile and install; the second build takes it from the cache; a wrong board stops it" {
  grep -q '^export DPUCC_CACHE_DIR = ' "$RECIPES/yocto/dpu-model.inc"
  bitbake_task compile
  bitbake_task install
  is_for leopard "$SANDBOX/image/usr/share/dpu-models/unet.xmodel"
  n_records() { find "$SANDBOX/downloads/dpucc/records" -type f | wc -l; }
  [ "$(n_records)" = 1 ]
  rm -rf "$SANDBOX/b" "$SANDBOX/image"
  bitbake_task compile
  [ "$(n_records)" = 1 ]
  is_for leopard "$SANDBOX/b/unet.xmodel"

  echo '{"fingerprint":"0x201000000000001"}' >boards/leopard/arch.json
  rm -rf "$SANDBOX/b"
  run ! bitbake_task compile
  [ ! -e "$SANDBOX/b/unet.xmodel" ]
}

ci_runner() { # NAME: another machine with the same checkout
  HOME=$SANDBOX/$1 XDG_RUNTIME_DIR='' DPUCC_TOOLCHAIN=dpucc DPUCC_REMOTE_URL=file://$SANDBOX/shared \
    DPUCC_REMOTE_SECRET=$SANDBOX/secret "$RECIPES/ci/compile-models" "$SANDBOX/$1/out"
}

shared_has() { [ "$(find "$SANDBOX/shared" -path '*/records/*' -type f 2>/dev/null | wc -l)" = "$1" ]; }

@test "ci: what one job compiled, the next one on another machine has" {
  mkdir -m 700 "$SANDBOX/shared" "$SANDBOX/one" "$SANDBOX/two"
  (umask 077 && head -c 32 /dev/urandom | base64 >"$SANDBOX/secret")
  run -0 ci_runner one
  [[ $output == *"antelope/Unet: compiled"*"leopard/Unet: compiled"* ]]
  wait_for shared_has 2
  run -0 ci_runner two
  [[ $output == *"antelope/Unet: from the cache"*"leopard/Unet: from the cache"* ]]
  both_boards "$SANDBOX/two/out/"
  cmp "$SANDBOX/one/out/leopard/Unet.xmodel" "$SANDBOX/two/out/leopard/Unet.xmodel"
}

git_repository() {
  export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
  export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.com
  git init -q .
  mkdir -p .githooks compiled
  cp "$RECIPES/git-hook/pre-commit" .githooks/
  git config core.hooksPath .githooks
  printf '%s\t%s\t%s\n' compiled/Unet.xmodel Unet_int.xmodel boards/leopard/arch.json >.dpu-models
}

compiled_for() { # BOARD
  dpucc-client --no-daemon get --wait --arch "boards/$1/arch.json" -o compiled/Unet.xmodel \
    Unet_int.xmodel
}

@test "git hook: what fits is committed; what is stale or for another board is not" {
  git_repository
  compiled_for leopard
  git add .
  git commit -qm first
  # another model, the compiled one forgotten
  dpucc mkmodel lenet --seed 2 -o Unet_int.xmodel
  git add .
  run -1 git commit -qm second
  [[ $output == *"compiled/Unet.xmodel does not belong to Unet_int.xmodel"*"dpucc-client get"* ]]
  [[ $output != *"$SANDBOX"* ]]
  # compiled, but not added: what would be committed is what counts
  compiled_for leopard
  run -1 git commit -qm second
  git add compiled
  git commit -qm second
  # for the other board
  compiled_for antelope
  git add .
  run -1 git commit -qm third
  # what has nothing to do with it
  git checkout -q HEAD -- compiled
  echo text >notes
  git add .
  git commit -qm third
}
