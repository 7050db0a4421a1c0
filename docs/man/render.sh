#!/bin/bash
# Fills a manual page's template: a line "@HELP PROGRAM [COMMAND]" becomes what that program
# prints for --help, "@VERSION@" the version, "@DATADIR@" where data is installed. So the pages
# say what the programs say. "@SETTINGS SCHEMA" becomes the settings that a schema in conf/
# describes (settings.c).
#
#   render.sh TEMPLATE BIN-DIR VERSION DATADIR SETTINGS-PROGRAM CONF-DIR >PAGE
set -euo pipefail
template=$1 bin=$2 version=$3 datadir=$4 settings=$5 conf=$6

literal() {
  echo '.Bd -literal -offset 2n'
  # backslashes, and lines that roff would take for requests
  sed -e 's/\\/\\e/g' -e "s/^\([.']\)/\\\\\&\1/"
  echo '.Ed'
}

while IFS= read -r line; do
  case $line in
  '@HELP '*)
    read -ra words <<<"${line#@HELP }"
    "$bin/${words[0]}" "${words[@]:1}" --help | literal
    ;;
  '@SETTINGS '*) "$settings" "$conf/${line#@SETTINGS }" ;;
  *)
    line=${line//@VERSION@/$version}
    printf '%s\n' "${line//@DATADIR@/$datadir}"
    ;;
  esac
done <"$template"
