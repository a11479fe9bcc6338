# Prints the candidates that an interactive zsh shows at the end of each line,
# and "end of line" after each.
# usage: zsh.zsh SCRIPT LINE...
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell "PROMPT= PS2=
autoload -U compinit && compinit -u -D
source ${(q)1}
bindkey '^I' complete-word
bindkey '^U' kill-whole-line
zstyle ':completion:*' insert-tab false
compadd() {
  local -a hits
  if (( ! \${@[(I)-[OAD]*]} )); then
    builtin compadd -A hits \"\$@\"
    (( \$#hits )) && print -r -l -- '' \"candidate \"\$^hits
  fi
  builtin compadd \"\$@\"
}
finished() { print -r -- finished; comppostfuncs=(finished) }
comppostfuncs=(finished)
print read\y"
zpty -r shell line $'*ready*'
for typed in "${@:2}"; do
  zpty -n -w shell $'\C-u'"$typed"$'\t'
  zpty -r shell line '*finished*'
  for each in "${(@f)line}"; do
    [[ $each == candidate\ * ]] && print -r -- "${${each#candidate }%$'\r'}"
  done
  print "end of line"
done
exit 0
