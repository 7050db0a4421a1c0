#!/bin/bash
# Functions that have a better one, and things that the house rules leave out.
set -euo pipefail
cd "$1"

complaints=0
ban() { # ban REGEX REASON [grep options and folders]
  local regex=$1 reason=$2 hits
  shift 2
  hits=$(grep -rnP "$regex" --include='*.[ch]' "$@" | grep -vP '^\S+:\d+:\s*(/\*|\*)' || true)
  if [ -n "$hits" ]; then
    echo "$hits"
    echo "  ^ $reason"
    complaints=1
  fi
}

all=(lib cache dpu daemon client)
ban '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|strncpy|alloca|mktemp|tmpnam)\s*\(' \
  'unbounded, or not reentrant' "${all[@]}"
ban '\b(atoi|atol|atof)\s*\(' 'errors go unnoticed: use hex.h, or strtoll with all its checks' "${all[@]}"
ban '\b(usleep|sleep|nanosleep)\s*\(' 'nothing waits for time to pass: wait for a condition' "${all[@]}"
ban '\b(system|popen)\s*\(' 'no shell' "${all[@]}"
ban '\bmmap\s*\((?!.*MAP_ANONYMOUS)' 'a file of somebody else may shrink under us' "${all[@]}"
ban '\b_?exit\s*\(' 'only main() ends a program' lib cache daemon
ban '\bwaitpid\s*\(\s*-1' 'steals the children of libuv' "${all[@]}"
ban '\bassert\s*\([^)]*(\+\+|--|[^=!<>]=[^=])' 'assert with a side effect' "${all[@]}"
ban '\b(printf|puts|perror)\s*\(' 'library code does not print' lib cache
ban '\blog_(error|warning|notice|info|debug|line)\s*\(' 'library code does not log' \
  lib/proto lib/xmodel cache
ban '\b(TODO|FIXME|XXX)\b' 'do it, or open an issue' "${all[@]}" tests bench
exit $complaints
