/**
 * HAProxy's command line, read as HAProxy 1.8 to 3.x read it (management.txt,
 * section 3): an option is what its first letters say, `-Dq` is `-D`.
 *
 * @module
 */

/** An argument that names a configuration file or a directory of them. */
export interface ConfigArgument {
  config: string;
}

/** What a command line of HAProxy's asks for. */
export interface HaproxyArguments {
  /** Everything that HAProxy is to be given, in order. */
  readonly words: readonly (string | ConfigArgument)[];
  /** `-C`: where HAProxy goes before it reads its files. */
  readonly directory: string | undefined;
  /** `-p`, which is the wrapper's to write. */
  readonly pidFile: string | undefined;
  /** What was taken out because HAProxy runs in the foreground: `-D`, `-W`. */
  readonly background: readonly string[];
  /** What was taken out because the wrapper says it itself: `-sf 12`. */
  readonly predecessors: readonly string[];
  /**
   * `check` is `-c`; `ask` is what HAProxy answers and ends, such as `-v`.
   */
  readonly purpose: "serve" | "check" | "ask";
  /** `--write-only`, or `--erb-write-only` as the Ruby tool calls it. */
  readonly writeOnly: boolean;
}

const WRITE_ONLY: ReadonlySet<string> = new Set([
  "--write-only",
  "--erb-write-only",
]);

/** Options whose value is the next argument, by their first letter. */
const WITH_VALUE = "CnmNLx";

/** Reads what follows the name of the program. */
export function readHaproxyArguments(
  args: readonly string[],
): HaproxyArguments {
  const words: (string | ConfigArgument)[] = [];
  const background: string[] = [];
  const predecessors: string[] = [];
  let directory: string | undefined;
  let pidFile: string | undefined;
  let purpose: HaproxyArguments["purpose"] = "serve";
  const rest = args.filter((word) => !WRITE_ONLY.has(word));
  while (rest.length > 0) {
    const word = rest.shift()!;
    const flag = word.startsWith("-") ? word.slice(1) : "";
    const value = () => rest.length === 0 ? [] : [rest.shift()!];
    if (flag === "-") {
      words.push(word, ...rest.splice(0).map((config) => ({ config })));
    } else if (flag.startsWith("f")) {
      words.push(word, ...value().map((config) => ({ config })));
    } else if (flag.startsWith("p")) {
      [pidFile] = value();
    } else if (/^[DW]/.test(flag)) {
      background.push(word);
    } else if (flag.startsWith("S")) {
      background.push([word, ...value()].join(" "));
    } else if (/^s[ft]/.test(flag)) {
      const end = rest.findIndex((each) => each.startsWith("-"));
      const pids = rest.splice(0, end === -1 ? rest.length : end);
      predecessors.push([word, ...pids].join(" "));
    } else if (flag.startsWith("cc")) {
      purpose = "ask";
      words.push(word, ...value());
    } else if (flag !== "" && WITH_VALUE.includes(flag[0]!)) {
      const [given] = value();
      if (flag.startsWith("C")) directory = given;
      words.push(word, ...given === undefined ? [] : [given]);
    } else {
      if (flag.startsWith("v")) purpose = "ask";
      else if (flag.startsWith("c") && purpose === "serve") purpose = "check";
      words.push(word);
    }
  }
  return {
    words,
    directory,
    pidFile,
    background,
    predecessors,
    purpose,
    writeOnly: args.some((word) => WRITE_ONLY.has(word)),
  };
}

/** The configuration files and directories, as they are named. */
export function configsOf({ words }: HaproxyArguments): string[] {
  return words.flatMap((word) => typeof word === "string" ? [] : [word.config]);
}

/**
 * The arguments to start HAProxy with: `first` at the beginning, `last` at the
 * end, where lists of PIDs belong, but before a list of files.
 */
export function argumentsWith(
  { words }: HaproxyArguments,
  nameOf: (config: string) => string,
  { first = [], last = [] }: { first?: string[]; last?: string[] },
): string[] {
  const named = words.map((word) =>
    typeof word === "string" ? word : nameOf(word.config)
  );
  const files = words.indexOf("--");
  const end = files === -1 ? named.length : files;
  return [...first, ...named.slice(0, end), ...last, ...named.slice(end)];
}
