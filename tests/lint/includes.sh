#!/bin/bash
# The direction of dependencies: what each module may include besides itself. The folder of a
# file decides which module it is; the longest rule wins.
set -euo pipefail
cd "$1"

declare -A allowed=(
  [lib/base]=""
  [lib/proto]="base"
  [lib/xmodel]="base"
  [cache]="base proto"
  [dpu]="base xmodel dpu"
  [dpu/models]="base xmodel"
  [dpu/compiler]="base xmodel"
  [daemon]="base proto xmodel cache"
  [client]="base proto"
)
# our include roots: the first path component of a quoted include names the module
own() { # module folder -> first component of its own headers
  case "$1" in
  lib/*) echo "${1#lib/}" ;;
  *) echo "${1%%/*}" ;;
  esac
}
complaints=0
complain() {
  echo "$1"
  complaints=1
}

module_of() {
  local file=$1 best="" module
  for module in "${!allowed[@]}"; do
    if [[ $file == "$module"/* && ${#module} -gt ${#best} ]]; then best=$module; fi
  done
  echo "$best"
}

while IFS=: read -r file line text; do
  target=$(sed -E 's/^#include "([^"]*)".*/\1/' <<<"$text")
  module=$(module_of "$file")
  if [ -z "$module" ]; then
    complain "$file:$line: no rule for this folder"
    continue
  fi
  if [[ $target != */* ]]; then
    complain "$file:$line: \"$target\" must be included by its path from the root"
    continue
  fi
  first=${target%%/*}
  case " $(own "$module") ${allowed[$module]} " in
  *" $first "*) ;;
  *) complain "$file:$line: $module must not include $target" ;;
  esac
  # below dpu/ the folders are modules of their own
  if [[ $module == dpu/* && $target == dpu/* && $target != "$module"/* ]]; then
    complain "$file:$line: $module must not include $target"
  fi
done < <(grep -rnE '^#include "' --include='*.[ch]' lib cache dpu daemon client)

# libuv in the daemon only; the unpacker of graphs in the graph reader only
while IFS= read -r hit; do
  complain "$hit: <uv.h> belongs to daemon/"
done < <(grep -rnE '^#include <uv' --include='*.[ch]' lib cache dpu client | cut -d: -f1,2)
while IFS= read -r hit; do
  complain "$hit: the daemon and the cache must not see the graph (walk it instead)"
done < <(grep -rnE '^#include "xmodel/(graph|xir\.pb-c)' --include='*.[ch]' daemon cache client |
  cut -d: -f1,2)
exit $complaints
