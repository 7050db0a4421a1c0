#!/bin/bash
# Dependencies run one way inside folders, too: a noun (a .c and its .h) may know another only if
# that one does not know it, directly or by way of others. The exceptions are families, whose
# members are one thing in several files. Each has its reason here.
set -euo pipefail
cd "$1"

families=(
  # the strict scan is the first half of parsing, and has its limits
  "base/json base/json_scan"
  # the order is a function of the walk, and the walk keeps it
  "xmodel/walk xmodel/order"
  # finding out and keeping the books: two halves of one watcher
  "daemon/watch daemon/books"
  # owner and owned: a unit tells its source, a source its workspace, when it has ended
  "daemon/workspace daemon/source daemon/unit"
)

# lines "A B": A includes B, a family standing for each of its members
pairs=$(
  grep -rE '^#include "[^"]+\.h"' --include='*.[ch]' lib cache dpu daemon client |
    sed -E 's|^(lib/)?([^:]*)\.[ch]:#include "([^"]*)\.h".*|\2 \3|' |
    awk -v families="$(printf '%s\n' "${families[@]}")" '
      BEGIN {
        n = split(families, list, "\n")
        for (i = 1; i <= n; i++) {
          m = split(list[i], member, " ")
          for (k = 1; k <= m; k++) family[member[k]] = member[1] "-and-family"
        }
      }
      {
        from = ($1 in family) ? family[$1] : $1
        to = ($2 in family) ? family[$2] : $2
        if (from != to) print from, to
      }'
)
if ! complaint=$(tsort <<<"$pairs" 2>&1 >/dev/null); then
  echo "$complaint"
  echo "  ^ these include each other in a circle"
  exit 1
fi
