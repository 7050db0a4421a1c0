#!/bin/bash
# The schemas in conf/ are where settings are described: the parsers take the settings that they
# name and no others, docs/CONFIGURATION.md and docs/REMOTE.md have a row for each with the same
# default, and the installed configuration says what the defaults are. (What values the parsers
# take is tests/unit/test-settings.c.)
#
#   settings.sh SOURCE-DIR
set -euo pipefail
cd "$1"
if ! command -v jq >/dev/null; then
  echo "jq is not installed: Debian package jq" >&2
  exit 77
fi

failed=0
same() { # WHAT ONE OTHER
  local difference
  difference=$(comm -3 <(sort -u <<<"$2" | grep .) <(sort -u <<<"$3" | grep .) || true)
  if [ -n "$difference" ]; then
    echo "$1 differ:"
    echo "$difference"
    failed=1
  fi
}

# the words of all arrays called known[]
known() { # FILE ...
  awk '/known\[\] = \{/ { on = 1 } on { print } /\};/ { on = 0 }' "$@" | grep -oE '"[^"]+"' | tr -d '"'
}

# settings as a page has them: NAME, a tab, the default if there is one. The part within [] of
# lists and NAME of toolchains is left out.
settings() { # SCHEMA
  jq -r '
    def walk_settings($prefix):
      (.properties // {}) | to_entries[] | .key as $k | .value as $v
      | select($k != "$schema")
      | "\($prefix)\($k)\t\($v.default // "" | tostring)",
        ($v | walk_settings("\($prefix)\($k).")),
        ($v.additionalProperties | objects | walk_settings("\($prefix)\($k).NAME.")),
        ($v.items | objects | walk_settings("\($prefix)\($k)[]."));
    walk_settings("")' "$1"
}

# the first column of the tables below a heading; several names share a row with ", "
rows() { # PAGE HEADING
  awk -v heading="$2" '
    BEGIN { on = heading == "." }
    /^## / { on = $0 ~ heading }
    on && /^\| `/ { split($0, cell, " *[|] *"); print cell[2] "\t" $0 }' "$1"
}

names() { jq -r '[.. | .properties? | objects | to_entries[] | select(.value != false) | .key] | unique[]' "$1"; }

same "settings of daemon/config*.c and of conf/dpuccd.schema.json" \
  "$(known daemon/config.c daemon/config_remote.c daemon/config_toolchain.c)" "$(names conf/dpuccd.schema.json)"
same "settings of daemon/project.c and of conf/dpucc.schema.json" \
  "$(known daemon/project.c)" "$(names conf/dpucc.schema.json)"

# Each setting has a row, with its default. Objects and lists whose members have rows need none.
check_page() { # SCHEMA PAGE HEADING REGEX-OF-SETTINGS PREFIX-TO-DROP
  local name default row
  while IFS=$'\t' read -r name default; do
    # "cache" has no row, its members have
    if ! [[ $name =~ $4 ]] || [ "$name" = cache ]; then continue; fi
    row=$(rows "$2" "$3" | grep -F "\`${name#"$5"}\`" | head -n 1 || true)
    if [ -z "$row" ]; then
      echo "$2 has no row for ${name#"$5"} ($1)"
      failed=1
    elif [ -n "$default" ] && ! grep -qF -- "$default" <<<"$row"; then
      echo "$2: ${name#"$5"} has the default $default in $1"
      failed=1
    fi
  done < <(settings "$1")
}
check_page conf/dpuccd.schema.json docs/CONFIGURATION.md dpuccd.json '^cache\.' ''
check_page conf/dpuccd.schema.json docs/CONFIGURATION.md dpuccd.json '^[a-z_]+$' ''
check_page conf/dpuccd.schema.json docs/CONFIGURATION.md dpuccd.json '^toolchains\.' 'toolchains.NAME.'
check_page conf/dpuccd.schema.json docs/REMOTE.md . '^remotes\[\]\.[a-z0-9_]+$' 'remotes[].'
check_page conf/dpucc.schema.json docs/CONFIGURATION.md dpucc.json '^(targets|ignore|models\[\]\.[a-z_]+)$' ''
# and no row is about something else
same "rows of docs/CONFIGURATION.md about dpucc.json and its schema" \
  "$(rows docs/CONFIGURATION.md dpucc.json | cut -f1 | tr -d '\`')" \
  "$(settings conf/dpucc.schema.json | cut -f1 | grep -E '^(targets|ignore|models\[\]\.[a-z_]+)$')"
same "rows of docs/CONFIGURATION.md about dpuccd.json and its schema" \
  "$(rows docs/CONFIGURATION.md dpuccd.json | cut -f1 | tr -d '\`')" \
  "$(settings conf/dpuccd.schema.json | cut -f1 | grep -vE '^(cache|remotes\[\].*)$' | sed 's/^toolchains.NAME.//')"

# the installed file
# shellcheck disable=SC2016 # $ is jq's
said=$(jq -rn --slurpfile s conf/dpuccd.schema.json --slurpfile d conf/dpuccd.json '
  $d[0] | to_entries[] | select(.key | IN("$schema", "toolchains", "roots", "notify") | not)
  | select(.value != $s[0].properties[.key].default)
  | "conf/dpuccd.json: \(.key) is \(.value), and the default \($s[0].properties[.key].default)"')
if [ -n "$said" ]; then
  echo "$said"
  failed=1
fi
exit $failed
