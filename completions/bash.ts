/**
 * Completions for bash 4.4 and newer, with or without bash-completion.
 *
 * @module
 */
import type { CommandGrammar, Option, Program, Value } from "./grammar.ts";
import { SIGNAL_NAMES } from "./signals.ts";

const NOTHING = ":";

/** The statement that offers the candidates of a value. */
function offer({ kind, words }: Value): string {
  switch (kind) {
    case "file":
      return "compopt -o default";
    case "directory":
      return "compopt -o dirnames";
    case "user":
      return `__CANDIDATES -u`;
    case "group":
      return `__CANDIDATES -g`;
    case "signal":
      return `__CANDIDATES -W '${SIGNAL_NAMES.join(" ")}'`;
    case "command":
      return "__COMMAND $at";
    case "word":
      return words.length > 0
        ? `__CANDIDATES -W '${words.join(" ")}'`
        : NOTHING;
  }
}

function optionWords(options: readonly Option[]): string {
  return options.flatMap(({ name, letter }) => [
    `--${name}`,
    ...letter === undefined ? [] : [`-${letter}`],
  ]).join(" ");
}

/** The options of a command, with its name, as patterns of `case`. */
function patterns(
  command: string,
  options: readonly Option[],
): string[] {
  return options.map(({ name }) => `"${command} --${name}"`);
}

type Named = Pick<CommandGrammar, "name" | "options" | "operands">;

/** The cases of a command that have candidates. */
function cases({ name, options, operands }: Named): {
  values: string[];
  operands: string[];
} {
  const write = (pattern: string, value: Value) =>
    offer(value) === NOTHING ? [] : [`    ${pattern}) ${offer(value)} ;;`];
  return {
    values: options.flatMap((option) =>
      option.value === undefined
        ? []
        : write(`"${name} --${option.name}"`, option.value)
    ),
    operands: operands.flatMap((value, at) =>
      write(`"${name} "${value.placeholder.includes("...") ? "*" : at}`, value)
    ),
  };
}

/** Where the words are, and which option and operand the cursor is at. */
const READ_WORDS =
  `  local line=\${COMP_LINE:0:COMP_POINT} words cur option= command= operands=0 at word
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  cur=\${words[-1]}
  COMPREPLY=()
  for ((at = 1; at < \${#words[@]} - 1; at++)); do
    word=\${words[at]} option=
    case $word in
    --)
      if [[ __DASHES == *" $command "* ]]; then __COMMAND $((at + 1)); return; fi
      ;;
    -*)
      case "$command $word" in
      __VALUED) option=$word; ((at++)) ;;
      esac
      ;;
    *)
      if [[ -z $command && -n __COMMANDS ]]; then command=$word; continue; fi
      __REST
      ((operands++))
      ;;
    esac
  done
  # The loop passes the cursor if the last word before it takes a value.
  ((at == \${#words[@]})) || option=
  if [[ -z $option && $cur == --*=* ]]; then
    option=\${cur%%=*} cur=\${cur#*=}
  fi`;

/** Candidates that begin with the word, without what bash took as a word before. */
const CANDIDATES = `__CANDIDATES() {
  mapfile -t COMPREPLY < <(compgen "$@" -- "$cur")
  [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]] &&
    COMPREPLY=("\${COMPREPLY[@]#"\${cur%"\${cur##*:}"}"}")
  return 0
}

# Completes the command line that begins at a word.
__COMMAND() {
  if declare -F _command_offset >/dev/null; then
    local at
    for ((at = 1; at < COMP_CWORD; at++)); do
      if [[ \${words[$1 - 1]} == -- ]]; then
        [[ \${COMP_WORDS[at - 1]} == -- ]] && break
      elif [[ \${COMP_WORDS[at]} == "\${words[$1]}" ]]; then
        break
      fi
    done
    _command_offset "$at"
  elif (($1 == \${#words[@]} - 1)); then
    __CANDIDATES -c
    compopt -o default
  else
    compopt -o default
  fi
}`;

/** The script for bash. */
export function bashScript(program: Program): string {
  const { name, commands } = program;
  const top: Named = { ...program, name: "" };
  const all: readonly Named[] = [top, ...commands];
  const valued = all.flatMap(({ name, options }) =>
    patterns(
      name,
      options.filter(({ value, isOptional }) => value && !isOptional),
    )
  );
  const dashes = commands.filter(({ hasDashes }) => hasDashes)
    .map(({ name }) => name);
  const first = all.find(({ operands }) => operands[0]?.kind === "command");
  const names = commands.map(({ name }) => name).join(" ");
  const script = `# Completions of ${name} for bash.
${CANDIDATES}

__FUNCTION() {
${READ_WORDS}
  if [[ -n $option ]]; then
    case "$command $option" in
${all.flatMap((each) => cases(each).values).join("\n")}
    esac
    return
  fi
  if [[ $cur == -* ]]; then
    case $command in
${
    all.filter(({ options }) => options.length > 0).map(({ name, options }) =>
      `    "${name}") __CANDIDATES -W '${optionWords(options)}' ;;`
    ).join("\n")
  }
    esac
    return
  fi
  case "$command $operands" in
${names === "" ? "" : `    " 0") __CANDIDATES -W '${names}' ;;\n`}${
    all.flatMap((each) => cases(each).operands).join("\n")
  }
  esac
}
complete -F __FUNCTION ${name}
`;
  const prefix = `_${name.replaceAll(/\W/g, "_")}`;
  return script
    .replaceAll("__DASHES", `" ${dashes.join(" ")} "`)
    .replaceAll("__VALUED", valued.join(" | "))
    .replaceAll("__COMMANDS", `"${names}"`)
    .replaceAll("__REST", first ? "__COMMAND $at; return" : ":")
    .replaceAll("__CANDIDATES", `${prefix}_candidates`)
    .replaceAll("__COMMAND", `${prefix}_command`)
    .replaceAll("__FUNCTION", prefix);
}
