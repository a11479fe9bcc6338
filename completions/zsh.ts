/**
 * Completions for zsh (zshcompsys(1)).
 *
 * @module
 */
import {
  type CommandGrammar,
  type Option,
  type Program,
  summaryOf,
  type Value,
} from "./grammar.ts";
import { SIGNAL_NAMES } from "./signals.ts";

/** A word in single quotes. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Text between the brackets or colons of a specification. */
function text(plain: string): string {
  return plain.replaceAll(/[\\\][:]/g, (sign) => `\\${sign}`);
}

/** The message and action of a value. */
function actionOf({ placeholder, kind, words }: Value): string {
  const message = text(placeholder);
  switch (kind) {
    case "file":
      return `${message}:_files`;
    case "directory":
      return `${message}:_directories`;
    case "user":
      return `${message}:_users`;
    case "group":
      return `${message}:_groups`;
    case "signal":
      return `${message}:(${SIGNAL_NAMES.join(" ")})`;
    case "command":
      return `${message}:_command_names -e`;
    case "word":
      return words.length > 0
        ? `${message}:(${words.map(text).join(" ")})`
        : `${message}: `;
  }
}

function optionSpecs(
  { name, letter, description, value, isOptional, isRepeatable }: Option,
): string[] {
  const help = `[${text(summaryOf(description))}]`;
  if (name === "help" || name === "version") {
    return [`--${name}`, `-${letter}`]
      .map((each) => quoted(`(- *)${each}${help}`));
  }
  const repeated = isRepeatable ? "*" : "";
  if (value === undefined) return [quoted(`${repeated}--${name}${help}`)];
  const colons = isOptional ? "::" : ":";
  return [
    quoted(`${repeated}--${name}=${help}${colons}${actionOf(value)}`),
  ];
}

function operandSpecs({ operands }: Pick<CommandGrammar, "operands">) {
  return operands.map((value) => {
    const place = value.placeholder.includes("...") ? "*" : "";
    return quoted(`${place}:${actionOf(value)}`);
  });
}

function argumentsCall(specs: readonly string[], indent: string): string {
  return [`_arguments -S`, ...specs].join(` \\\n${indent}  `);
}

/** A command that is completed by its name, like any command line. */
const COMMAND_LINE = "'*::: :_normal'";

function simpleBody(program: Program): string {
  const { options, operands } = program;
  const specs = options.flatMap(optionSpecs);
  const rest = operands[0]?.kind === "command"
    ? [COMMAND_LINE]
    : operandSpecs(program);
  return `  ${argumentsCall([...specs, ...rest], "  ")}`;
}

function commandCase({ name, ...grammar }: CommandGrammar): string {
  const specs = [
    ...grammar.options.flatMap(optionSpecs),
    ...operandSpecs(grammar),
  ];
  return `    ${name})
      ${
    specs.length > 0
      ? argumentsCall(specs, "      ")
      : "_message 'no arguments'"
  }
      ;;`;
}

function commandsBody({ options, commands }: Program): string {
  const dashes = commands.filter(({ hasDashes }) => hasDashes)
    .map(({ name }) => name).join("|");
  const specs = [
    "-C",
    ...options.flatMap(optionSpecs),
    `'1:command:->command'`,
    `'*:: :->argument'`,
  ];
  return `  local -i dashes=\${words[(i)--]}
  if ((dashes < CURRENT)) && [[ \${words[(r)(${dashes})]} == (${dashes}) ]]; then
    shift $dashes words
    ((CURRENT -= dashes))
    _normal
    return
  fi
  local curcontext=$curcontext state line
  typeset -A opt_args
  ${argumentsCall(specs, "  ")} && return
  case $state in
  command)
    local -a commands=(
${
    commands.map(({ name, description }) =>
      `      ${quoted(`${name}:${summaryOf(description)}`)}`
    ).join("\n")
  }
    )
    _describe command commands
    ;;
  argument)
    case $words[1] in
${commands.map(commandCase).join("\n")}
    esac
    ;;
  esac`;
}

/** The script for zsh: a file of $fpath, or for `source`. */
export function zshScript(program: Program): string {
  const { name, commands } = program;
  const body = commands.length > 0
    ? commandsBody(program)
    : simpleBody(program);
  const lines = body.replace("_arguments -S \\\n    -C", "_arguments -S -C");
  return `#compdef ${name}
# Completions of ${name} for zsh.
_${name}() {
${lines}
}
if [[ $funcstack[1] == _${name} ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}
