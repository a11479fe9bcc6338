# Prints what the completion function of a program offers at the end of a line,
# with the variables that bash sets for it (bash(1), Programmable Completion).
# usage: bash.sh SCRIPT LINE
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
read -ra COMP_WORDS <<<"$2"
[[ $2 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
# Only readline can do what this asks for.
compopt() {
  case $* in
  "-o default") compgen -f -- "${COMP_WORDS[-1]##*=}" ;;
  "-o dirnames") compgen -d -- "${COMP_WORDS[-1]##*=}" ;;
  esac
}
read -ra registered < <(complete -p "${COMP_WORDS[0]}")
"${registered[2]}"
printf '%s\n' "${COMPREPLY[@]}"
