#!/bin/bash
# The mutants of the chaos run (tests/chaos/mutants) are patches of the sources: each must apply, and
# say what it breaks and which words of chaos it expects.
#
#   mutants.sh SOURCE-DIR
set -euo pipefail
cd "$1"

command -v patch >/dev/null || { echo "skipped: no 'patch'"; exit 77; }
complaints=0
for mutant in tests/chaos/mutants/*.patch; do
  [ -e "$mutant" ] || continue
  for header in broken expect; do
    grep -q "^$header: ." "$mutant" || { echo "$mutant: no '$header:'"; complaints=1; }
  done
  if ! said=$(patch --dry-run --batch --forward -p1 <"$mutant" 2>&1); then
    echo "$mutant: does not apply:"
    echo "$said"
    complaints=1
  fi
done
exit $complaints
