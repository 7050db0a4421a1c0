#!/bin/bash
# A command takes the options that its help text names, and no others: completions and manual pages
# are made from those texts.
#
#   usage.sh SOURCE-DIR
set -euo pipefail
cd "$1"

# the options that lines of a text in FILE begin with
named() { # FILE
  { grep -oE '^ *"? *"? +(-[a-zA-Z], )?--[a-z0-9_-]+' "$1" || true; } |
    { grep -oE -- '--.*' || true; } | cut -c3- | sort -u
}

# those in its table for getopt_long()
taken() { # FILE
  { grep -oE '\{ "[a-z0-9_-]+", (no|required)_argument' "$1" || true; } | cut -d'"' -f2 | sort -u
}

complaints=0
everybodys=$([ ! -e client/commands.c ] || named client/commands.c)
mapfile -t files < <(grep -lE '^const char command_[a-z_]+_help' dpu/*.c client/*.c 2>/dev/null || true)
for file in "${files[@]}"; do
  # these hand their arguments over
  if grep -q 'handover_run(' "$file"; then continue; fi
  names=$(named "$file")
  if [[ $file == client/* ]]; then names=$(comm -23 <(echo "$names") <(echo "$everybodys")); fi
  difference=$(comm -3 <(taken "$file" | grep .) <(echo "$names" | grep .) || true)
  if [ -n "$difference" ]; then
    echo "$file: the options of the command and of its help text differ (taken | named):"
    echo "$difference"
    complaints=1
  fi
done
exit $complaints
