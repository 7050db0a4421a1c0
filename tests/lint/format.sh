#!/bin/bash
# .clang-format decides. (Only version 14 is asked: other versions disagree.)
set -euo pipefail
cd "$1"

clang_format=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$clang_format" ] || ! "$clang_format" --version | grep -q 'version 14\.'; then
  echo "clang-format 14 is not installed: Debian package clang-format-14" >&2
  exit 77
fi
find lib cache dpu daemon client tests -name '*.[ch]' -print0 |
  xargs -0 -r "$clang_format" --dry-run --Werror
