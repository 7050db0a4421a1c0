#!/bin/bash
# Every script, through shellcheck.
set -euo pipefail
cd "$1"

if ! command -v shellcheck >/dev/null; then
  echo "shellcheck is not installed: Debian package shellcheck" >&2
  exit 77
fi
mapfile -t scripts < <(
  find scripts tests bench .ci packaging docs/recipes -type f -print0 2>/dev/null |
    xargs -0 -r grep -lE -m1 '^#!/bin/(ba)?sh' || true
)
shellcheck --severity=info --exclude=SC1091 "${scripts[@]}"
