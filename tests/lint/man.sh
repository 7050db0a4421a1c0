#!/bin/bash
# The manual pages are clean mdoc, and each command has its section.
#
#   man.sh SOURCE-DIR BUILD-DIR
set -euo pipefail
if ! command -v mandoc >/dev/null; then
  echo "mandoc is not installed: Debian package mandoc" >&2
  exit 77
fi
failed=0
for page in "$2"/docs/man/*.[0-9]; do
  # what is wrong with a page and not with the system's other pages
  said=$(mandoc -T lint -W warning "$page" | grep -vE 'operating system|outdated mandoc.db' || true)
  if [ -n "$said" ]; then
    echo "$said"
    failed=1
  fi
done
for program in dpucc dpucc-client; do
  while read -r command _; do
    grep -qx ".Ss $command" "$2/docs/man/$program.1" || {
      echo "$program.1 has no section for the command $command"
      failed=1
    }
  done < <("$2/bin/$program" --help | sed -n '/^Commands:/,/^$/p' | grep '^  [a-z]' | grep -vE '^  (help|version) ')
done
# what pages refer to is there, unless it is the system's
while read -r name section; do
  [ -e "$2/docs/man/$name.$section" ] || {
    echo "no page $name($section), and others refer to it"
    failed=1
  }
done < <(sed -nE 's/^\.Xr ([a-z.-]+) ([0-9]).*/\1 \2/p' "$2"/docs/man/*.[0-9] | grep -E 'dpucc|json|xmodel' | sort -u)
exit $failed
