#!/bin/bash
# Files say nothing of the machine they were written on, end with a newline, and sources carry
# no trailing white space.
set -euo pipefail
cd "$1"

complaints=0
list() { find . \( -name .git -o -name build -o -name corpus \) -prune -o -type f -print; }
# the checkout's own place, and the user's home, in so far as they are more than one level deep
for place in "$(pwd -P)" "$(dirname "$(pwd -P)")" "${HOME:-}"; do
  [[ $place == /*/* ]] || continue
  hits=$(list | xargs -r -d '\n' grep -nIF "$place/" || true)
  if [ -n "$hits" ]; then
    echo "$hits"
    echo "  ^ a path of somebody's machine"
    complaints=1
  fi
done
hits=$(list | grep -E '\.(c|h|proto|sh|bash|bats|cmake|md|txt)$' | xargs -r -d '\n' grep -nIE '[[:blank:]]+$' || true)
if [ -n "$hits" ]; then
  echo "$hits"
  echo "  ^ trailing white space"
  complaints=1
fi
while IFS= read -r file; do
  if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then
    echo "$file: no newline at the end"
    complaints=1
  fi
done < <(list | grep -E '\.(c|h|proto|sh|bash|bats|cmake|md|json)$')
exit $complaints
