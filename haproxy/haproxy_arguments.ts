/**
 * HAProxy's command line, read as HAProxy 1.8 to 3.x read it (management.txt,
 * section 3): the first letters decide which option it is, so `-Dq` is `-D`.
 *
 * @module
 */

/** An argument that names a configuration file or a directory of them. */
export interface ConfigArgument {
  config: string;
}

/** A command line of HAProxy. */
export interface HaproxyArguments {
  /** The arguments that HAProxy gets, in order. */
  readonly words: readonly (string | ConfigArgument)[];
  /** `-C`: the directory that HAProxy changes to before it reads files. */
  readonly directory: string | undefined;
  /** `-p`: the wrapper writes this file. */
  readonly pidFile: string | undefined;
  /** Ignored, because HAProxy runs in the foreground: `-D`, `-W`. */
  readonly background: readonly string[];
  /** Ignored, because the wrapper adds its own: `-sf 12`. */
  readonly takeoverOptions: readonly string[];
  /**
   * `check` is `-c`; `print` is an option that makes HAProxy print something
   * and end, such as `-v`.
   */
  readonly purpose: "serve" | "check" | "print";
  /** `--write-only`, or `--erb-write-only` as the Ruby tool calls it. */
  readonly writeOnly: boolean;
}

const WRITE_ONLY: ReadonlySet<string> = new Set([
  "--write-only",
  "--erb-write-only",
]);

/** First letters of options whose value is the next argument. */
const WITH_VALUE = "CnmNLx";

/** Reads the arguments of HAProxy. */
export function readHaproxyArguments(
  args: readonly string[],
): HaproxyArguments {
  const words: (string | ConfigArgument)[] = [];
  const background: string[] = [];
  const takeoverOptions: string[] = [];
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
      takeoverOptions.push([word, ...pids].join(" "));
    } else if (flag.startsWith("cc")) {
      purpose = "print";
      words.push(word, ...value());
    } else if (flag !== "" && WITH_VALUE.includes(flag[0]!)) {
      const [given] = value();
      if (flag.startsWith("C")) directory = given;
      words.push(word, ...given === undefined ? [] : [given]);
    } else {
      if (flag.startsWith("v")) purpose = "print";
      else if (flag.startsWith("c") && purpose === "serve") purpose = "check";
      words.push(word);
    }
  }
  return {
    words,
    directory,
    pidFile,
    background,
    takeoverOptions,
    purpose,
    writeOnly: args.some((word) => WRITE_ONLY.has(word)),
  };
}

/** The names of the configuration files and directories. */
export function configsOf({ words }: HaproxyArguments): string[] {
  return words.flatMap((word) => typeof word === "string" ? [] : [word.config]);
}

/**
 * The arguments to start HAProxy with. `first` is inserted at the beginning, and
 * `last` at the end but before a list of files after `--`.
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
