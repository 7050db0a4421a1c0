# bash completion for dpucc-client and dpucc: what there is to offer, dpucc-client says

# Splits the line up to the cursor at blanks only: bash also splits at characters that names have
# ("net@target"). Sets the caller's words.
_dpucc_words() {
  local line=${COMP_LINE:0:COMP_POINT} rest i
  words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    rest=${line#"${line%%[![:blank:]]*}"}
    if [[ $i = 0 || $rest != "$line" || (-z $rest && -z ${COMP_WORDS[i]}) ]]; then words+=(''); fi
    if [[ $i = "$COMP_CWORD" ]]; then
      words[-1]+=$rest
    else
      words[-1]+=${COMP_WORDS[i]}
      line=${rest#"${COMP_WORDS[i]}"}
    fi
  done
  # as the program would get them, as far as that goes without running anything
  words=("${words[@]//\\/}")
  words=("${words[@]#[\"\']}")
  words=("${words[@]%[\"\']}")
}

_dpucc() {
  local words word line shown i names=() files=()
  _dpucc_words
  word=${words[-1]}
  while IFS= read -r line; do
    case $line in
    ':files '*)
      # compgen: -X takes away what does not match, and directories lead on
      while IFS= read -r shown; do files+=("$shown"); done < <(
        compgen -f -X "!*${line#:files }" -- "$word"
        if [[ $line != ':files ' ]]; then compgen -d -- "$word"; fi
      )
      ;;
    :directories) while IFS= read -r shown; do files+=("$shown"); done < <(compgen -d -- "$word") ;;
    *) names+=("${line%%$'\t'*}") ;;
    esac
  done < <(dpucc-client complete "${1##*/}" "${words[@]:1}" 2>/dev/null)
  COMPREPLY=("${names[@]}" "${files[@]}")
  if [ ${#files[@]} -gt 0 ]; then
    compopt -o filenames 2>/dev/null # bash quotes then
  else
    for i in "${!COMPREPLY[@]}"; do printf -v 'COMPREPLY[i]' %q "${COMPREPLY[i]}"; done
  fi
  # what is before the last character at which bash splits stays; that character is replaced, too
  if [[ $COMP_WORDBREAKS == *@* && $word == *@* ]]; then
    for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"${word%@*}"}; done
  fi
}

complete -F _dpucc dpucc-client dpucc
