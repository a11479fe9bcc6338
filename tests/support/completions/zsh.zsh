# Prints the candidates that an interactive zsh shows at the end of a line.
# usage: zsh.zsh SCRIPT LINE
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell "PROMPT= PS2=
autoload -U compinit && compinit -C -d ${(q)1:h}/zcompdump
source ${(q)1}
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
compadd() {
  local -a hits
  if (( ! \${@[(I)-[OAD]*]} )); then
    builtin compadd -A hits \"\$@\"
    (( \$#hits )) && print -r -l -- '' \"candidate \"\$^hits
  fi
  builtin compadd \"\$@\"
}
finished() { print -r -- finished; exit }
comppostfuncs=(finished)
print read\y"
zpty -r shell line $'*ready*'
zpty -n -w shell "$2"$'\t'
zpty -r shell line '*finished*'
for each in "${(@f)line}"; do
  [[ $each == candidate\ * ]] && print -r -- "${${each#candidate }%$'\r'}"
done
exit 0
