#!/bin/bash
# A lint that cannot fail is worth nothing: each planted fault must be found.
set -euo pipefail
lint=$(cd "$(dirname "$0")" && pwd)
cd "$1"

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

plant() { # plant LINT FILE LINE [FILE LINE]...
  local name=$1 file=$2 line=$3
  shift
  rm -rf "${tree:?}"/*
  mkdir -p "$tree"/{lib/base,lib/proto,lib/xmodel,cache,dpu/compiler,dpu/models,daemon,client,tests,bench}
  for (( ; $# > 0; )); do
    mkdir -p "$tree/$(dirname "$1")"
    printf '%s\n' "$2" >"$tree/$1"
    shift 2
  done
  if "$lint/$name.sh" "$tree" >/dev/null 2>&1; then
    echo "lint $name does not see: $file: $line"
    failed=1
  fi
}

plant includes cache/a.c '#include "daemon/engine.h"'
plant includes client/a.c '#include "cache/cache.h"'
plant includes lib/base/a.h '#include "xmodel/walk.h"'
plant includes dpu/compiler/a.c '#include "dpu/command.h"'
plant includes cache/a.c '#include <uv.h>'
plant includes daemon/a.c '#include "xmodel/graph.h"'
plant includes daemon/a.c '#include "engine.h"'
plant includes dpu/other/a.c '#include "base/file.h"'
plant includes dpu/isa/a.c '#include "dpu/sim/program.h"'
plant includes dpu/sim/a.c '#include "dpu/compiler/plan.h"'
plant includes dpu/sim/eval_a.c '#include "dpu/sim/program.h"'
plant includes dpu/sim/values.c '#include "dpu/isa/isa.h"'
plant includes dpu/sim/core.c '#include "dpu/sim/round.h"'
plant includes daemon/verbs.c '#include "daemon/unit.h"'
plant includes daemon/unit.c '#include "daemon/call.h"'
plant includes daemon/unit.c '#include "proto/dpucc.pb-c.h"'
plant includes daemon/unit.c '#include "daemon/proc.h"'
plant includes daemon/job.c '#include "daemon/watch.h"'
plant includes daemon/unit.c '#include "daemon/helper.h"'
plant includes daemon/tier.c '#include "proto/frame.h"'
plant includes daemon/helper.c '#include "cache/remote/http.h"'
plant includes cache/a.c '#include <curl/curl.h>'
plant circles cache/a.c '#include "cache/b.h"' cache/b.h '#include "cache/a.h"'
plant circles lib/base/a.c '#include "base/b.h"' lib/base/b.c '#include "base/c.h"' \
  lib/base/c.h '#include "base/a.h"'
plant functions daemon/a.c '        strcpy(a, b);'
plant functions cache/a.c '        exit(1);'
plant functions lib/xmodel/a.c '        log_error("no");'
plant functions daemon/a.c '        p = mmap(NULL, 1, 0, 0, fd, 0);'
plant words client/a.c "/* $tree/secret */"
plant words docs/a.md 'trailing   '
plant links docs/a.md '[it](b.md)'
plant links docs/a.md '[it](../tests/a.c)' tests/a.c ''
plant links docs/a.md '[it](b.md#two)' docs/b.md '# One'
plant usage dpu/a.c $'const char command_a_help[] = "x";\n{ "ops", no_argument, NULL, 1 },'
plant settings daemon/config.c 'known[] = { "secret_setting" };' \
  conf/dpuccd.schema.json '{}' conf/dpucc.schema.json '{}'
plant mutants daemon/a.c 'is now;' tests/chaos/mutants/a.patch \
  $'broken: a\nexpect: b\n--- a/daemon/a.c\n+++ b/daemon/a.c\n@@ -1 +1 @@\n-was;\n+broken;'
plant mutants daemon/a.c 'was;' tests/chaos/mutants/a.patch \
  $'broken: a\n--- a/daemon/a.c\n+++ b/daemon/a.c\n@@ -1 +1 @@\n-was;\n+broken;'
exit $failed
