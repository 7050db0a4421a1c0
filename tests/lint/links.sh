#!/bin/bash
# Links of documents lead to a file that is there and is installed with them (README.md, LICENSE,
# docs/), and to a heading of it.
set -euo pipefail
cd "$1"

complaints=0
complain() { # complain FILE LINK WHAT
  echo "$1: $2: $3"
  complaints=1
}

headings() { # headings FILE, as links spell them
  awk '/^```/ { fence = !fence } !fence && sub(/^#+ +/, "") { print tolower($0) }' "$1" |
    sed -E 's/[^[:alnum:]_ -]//g; s/ /-/g'
}

links() { # links FILE
  { grep -oE '\]\([^)[:blank:]]+\)' "$1" || true; } | sed -E 's/^\]\(//; s/\)$//'
}

while IFS= read -r file; do
  while IFS= read -r link; do
    case $link in http://* | https://* | mailto:*) continue ;; esac
    target=${link%%#*}
    place=$(realpath -m --relative-to=. "$(dirname "$file")/$target")
    [ -n "$target" ] || place=${file#./}
    if [ ! -e "$place" ]; then
      complain "$file" "$link" "there is no $place"
    elif [[ $place != README.md && $place != LICENSE && $place != docs && $place != docs/* ]]; then
      complain "$file" "$link" "that is not installed: name it without a link"
    elif [[ $link == *'#'* ]] && ! headings "$place" | grep -qxF "${link#*#}"; then
      complain "$file" "$link" "$place has no such heading"
    fi
  done < <(links "$file")
done < <(find . -maxdepth 1 -name '*.md'; find docs -name '*.md')
exit $complaints
