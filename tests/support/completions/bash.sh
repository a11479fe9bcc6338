# Prints what the completion function of a program offers at the end of each
# line, with the variables that bash sets for it (bash(1), Programmable
# Completion), and "end of line" after each.
# usage: bash.sh SCRIPT LINE...
source "$1"
# Only readline can do what this asks for.
compopt() {
  case $* in
  "-o default") compgen -f -- "${COMP_WORDS[-1]##*=}" ;;
  "-o dirnames") compgen -d -- "${COMP_WORDS[-1]##*=}" ;;
  esac
}
for line in "${@:2}"; do
  COMP_LINE=$line COMP_POINT=${#line}
  read -ra COMP_WORDS <<<"$line"
  [[ $line == *" " ]] && COMP_WORDS+=("")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  read -ra registered < <(complete -p "${COMP_WORDS[0]}")
  "${registered[2]}"
  printf '%s\n' "${COMPREPLY[@]}" "end of line"
done
