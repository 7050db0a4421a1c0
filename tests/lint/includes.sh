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
  [dpu/page]="base xmodel dpu dpu/compiler dpu/isa dpu/sim"
  [dpu/models]="base xmodel"
  [dpu/isa]="base"
  [dpu/sim]="base xmodel dpu/isa"
  [dpu/codegen]="base xmodel dpu/isa"
  [dpu/compiler]="base xmodel dpu/isa dpu/codegen"
  [daemon]="base proto xmodel cache"
  [client]="base proto"
)
# parts of daemon/: the front talks to clients and knows the engine by its interface only (and what
# an artifact looks like, which the engine does not hide); what is
# below that interface knows nothing of clients and wire
front=" artifact_message call control explanation field inquiry inventory journal listener listing main manager message peer server service status subject upkeep verbs "
interface=" engine dialogue view artifact work "
# headers of daemon/ that one owner has to himself, because what they do must happen in one place
declare -A owner=(
  [proc]="job hook"                      # children: all of them have a job's directory, limits and marker
  [helper]="tiers fetch upload succession" # dpucc-remote: started and asked in one place; reaped to the end
  [fetch]="tiers" [upload]="tiers"  # who looks there for something asks the chain
  [watch]="workspace lookout books" # events: workspaces make of them what the others see
  [notify]="watch books way" [way]="books" [scan]="watch books" [tree]="watch books notify" [books]="watch"
)
# our include roots: the first path component of a quoted include names the module
own_of() { # module folder -> $own, the first component of its own headers
  own=${1#lib/}
  own=${own%%/*}
}
complaints=0
complain() {
  echo "$1"
  complaints=1
}

module_of() { # FILE -> $module
  local folder=${1%/*}
  while [[ -n $folder && -z ${allowed[$folder]+there} ]]; do
    if [[ $folder == */* ]]; then folder=${folder%/*}; else folder=""; fi
  done
  module=$folder
}

noun_of() { # FILE -> $noun
  noun=${1##*/}
  noun=${noun%.*}
}

check_daemon() { # FILE LINE TARGET
  local noun target=${3#daemon/}
  target=${target%.h}
  noun_of "$1"
  case "$3" in
  proto/*)
    if [[ $noun == helper && $3 =~ ^proto/(frame|remote\.pb-c)\.h$ ]]; then return; fi
    if [[ $front != *" $noun "* ]]; then complain "$1:$2: only the front knows the wire: $3"; fi
    return
    ;;
  daemon/*) ;;
  *) return ;;
  esac
  if [[ $front == *" $noun "* && $front$interface != *" $target "* ]]; then
    complain "$1:$2: the front knows the engine by engine.h, not by $3"
  fi
  if [[ $front != *" $noun "* && $front == *" $target "* ]]; then
    complain "$1:$2: the engine knows nothing of its front: $3"
  fi
  if [[ $noun != "$target" && -n ${owner[$target]:-} && " ${owner[$target]} " != *" $noun "* ]]; then
    complain "$1:$2: $3 is for ${owner[$target]} only"
  fi
}

# dpu/sim holds the judge (the evaluator) and the judged (the simulator), which share nothing
judge=" dot eval evaluator numbers pattern round values window workers "
check_sim() { # FILE LINE TARGET
  local noun target=${3#dpu/sim/} of_judge=false to_judge=false
  if [[ $3 != dpu/isa/* && $3 != dpu/sim/* ]]; then return; fi
  target=${target%.h}
  noun_of "$1"
  if [[ $judge == *" $noun "* || $noun == eval_* ]]; then of_judge=true; fi
  if [[ $judge == *" $target "* ]]; then to_judge=true; fi
  if [[ $of_judge != "$to_judge" ]]; then
    complain "$1:$2: the evaluator and the simulator share nothing: $3"
  fi
}

while IFS=: read -r file line text; do
  target=${text#*\"}
  target=${target%%\"*}
  module_of "$file"
  if [ -z "$module" ]; then
    complain "$file:$line: no rule for this folder"
    continue
  fi
  if [[ $target != */* ]]; then
    complain "$file:$line: \"$target\" must be included by its path from the root"
    continue
  fi
  first=${target%%/*}
  own_of "$module"
  case " $own ${allowed[$module]} " in
  *" $first "*) ;;
  *) complain "$file:$line: $module must not include $target" ;;
  esac
  if [[ $module == daemon ]]; then check_daemon "$file" "$line" "$target"; fi
  if [[ $module == dpu/sim ]]; then check_sim "$file" "$line" "$target"; fi
  # below dpu/ the folders are modules of their own
  if [[ $module == dpu && $file == dpu/*/* ]]; then
    complain "$file:$line: no rule for this folder"
  fi
  if [[ $module == dpu/* && $target == dpu/* && $target != "$module"/* &&
    " ${allowed[$module]} " != *" ${target%/*} "* ]]; then
    complain "$file:$line: $module must not include $target"
  fi
done < <(grep -rnE '^#include "' --include='*.[ch]' lib cache dpu daemon client)

# libuv in the daemon only; the unpacker of graphs in the graph reader only
while IFS= read -r hit; do
  complain "$hit: <uv.h> belongs to daemon/"
done < <(grep -rnE '^#include <uv' --include='*.[ch]' lib cache dpu client | cut -d: -f1,2)
# the network in dpucc-remote only, and that program's parts in itself
while IFS= read -r hit; do
  complain "$hit: libcurl and hiredis belong to cache/remote/"
done < <(grep -rnE '^#include <(curl|hiredis)' --include='*.[ch]' lib cache dpu daemon client |
  grep -v '^cache/remote/' | cut -d: -f1,2)
while IFS= read -r hit; do
  complain "$hit: what is in cache/remote/ is a program of its own"
done < <(grep -rnE '^#include "cache/remote/' --include='*.[ch]' lib cache dpu daemon client |
  grep -v '^cache/remote/' | cut -d: -f1,2)
while IFS= read -r hit; do
  complain "$hit: the daemon and the cache must not see the graph (walk it instead)"
done < <(grep -rnE '^#include "xmodel/(graph|xir\.pb-c)' --include='*.[ch]' daemon cache client |
  cut -d: -f1,2)
exit $complaints
