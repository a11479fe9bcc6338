let name = "multibinder-client";
let sock: string | undefined;

/** The name of this program in its help and messages. */
export function programName(): string {
  return name;
}

/** Sets the name. */
export function setProgramName(newName: string): void {
  name = newName;
}

/** The help of a command, with that name. */
export function withProgramName(usage: string): string {
  return usage.replaceAll("multibinder-client", name);
}

/** Remembers the option `--sock` of a command line, for hints. */
export function rememberSocket(args: readonly string[]): void {
  const end = args.indexOf("--");
  const own = end === -1 ? args : args.slice(0, end);
  const at = own.findLastIndex((each) => /^--sock(=|$)/.test(each));
  const [, value = own[at + 1]] = /^--sock=(.*)$/s.exec(own[at] ?? "") ?? [];
  sock = at === -1 ? undefined : value;
}

/** The option `--sock`, if it is given. */
export function givenSocket(): string | undefined {
  return sock;
}

/** A command line of this program for the same daemon, to paste into a shell. */
export function commandHint(command: string): string {
  const option = sock === undefined ? "" : ` --sock ${quoted(sock)}`;
  return `${name} ${command}${option}`;
}

/** The command line that starts a daemon. */
export function daemonHint(path: string): string {
  const program = name === "multibinder"
    ? "multibinder server"
    : "multibinder-server";
  return `${program} ${quoted(path)}`;
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text)
    ? text
    : `'${text.replaceAll("'", "'\\''")}'`;
}
