import { formatEnding } from "../client/run/report.ts";
import { formatDuration } from "../duration.ts";
import type { Ending } from "../ffi/child_process.ts";
import { memoryFile, readMemoryFile } from "../ffi/file.ts";
import { signalGroup } from "../ffi/process_group.ts";
import { signalNumber } from "../ffi/signal_numbers.ts";
import { Child } from "./child.ts";
import { about, renderedName } from "./config_file.ts";
import type { Configuration } from "./configuration.ts";
import { argumentsWith } from "./haproxy_arguments.ts";
import { descriptorsOf, environmentOf, type Program } from "./process.ts";
import { TemporaryFile } from "./replaced_file.ts";

/** What `haproxy -c` has said. */
export interface Verdict {
  ending: Ending;
  /** Standard output and standard error, with the names of the real files. */
  output: string;
  errors: string;
}

/** What HAProxy finds fault with: `[ALERT] (4711) : parsing ...`. */
const ALERT = /^\[ALERT\](?:[^:\n]*\(\d+\)\s*:)?\s*(.+)$/m;

/** HAProxy does not take a configuration. */
export class RejectedError extends Error {
  /** `RejectedError`. */
  override readonly name = "RejectedError";

  /**
   * `ending` is how `haproxy -c` ended, `brief` the reason in one line.
   */
  constructor(
    readonly ending: Ending,
    message: string,
    readonly brief: string = message,
  ) {
    super(message);
  }

  /** The rejection by a HAProxy that `said` why, or nothing. */
  static because(ending: Ending, said: string): RejectedError {
    const reason = said === "" ? " and does not say why" : `:\n${said}`;
    const how = formatEnding(ending);
    const what = "HAProxy rejects the configuration";
    const first = ALERT.exec(said)?.[1] ?? `${how}, and no reason`;
    return new RejectedError(
      ending,
      `${what} with ${how}${reason}`,
      `${what}: ${first}`,
    );
  }
}

const decoder = new TextDecoder();

/**
 * Has HAProxy check a configuration that is not installed yet: with its own
 * arguments, its sockets, and the files beside the places where they belong.
 * The signal kills it.
 *
 * @throws {StartError}
 * @throws {FileError}
 */
export async function check(
  program: Program,
  configuration: Configuration,
  signal: AbortSignal | undefined,
  options: readonly string[],
): Promise<Verdict> {
  using resources = new DisposableStack();
  const temporary = new Map<string, string>();
  for (const { name, path, text, template } of configuration.files) {
    const file = about(
      `cannot write beside ${name}`,
      () => new TemporaryFile(path, text, template.look),
    );
    temporary.set(name, resources.use(file).path);
  }
  const output = resources.use(memoryFile("haproxy-output", new Uint8Array()));
  const errors = resources.use(memoryFile("haproxy-errors", new Uint8Array()));
  const nameOf = (config: string) => {
    const name = renderedName(config);
    return temporary.get(name) ?? name;
  };
  const child = new Child({
    command: program.command,
    args: argumentsWith(program.arguments, nameOf, { first: [...options] }),
    environment: environmentOf(program),
    descriptors: new Map<number, number | string>([
      ...descriptorsOf(configuration),
      [1, output.fd],
      [2, errors.fd],
    ]),
  });
  const kill = () => {
    if (!child.over) signalGroup(child.pid, signalNumber("SIGKILL"));
  };
  signal?.addEventListener("abort", kill);
  try {
    const ending = await child.ended;
    signal?.throwIfAborted();
    const said = (fd: number) => {
      let text = decoder.decode(readMemoryFile(fd));
      for (const [name, path] of temporary) text = text.replaceAll(path, name);
      return text;
    };
    return { ending, output: said(output.fd), errors: said(errors.fd) };
  } finally {
    signal?.removeEventListener("abort", kill);
  }
}

/**
 * {@linkcode check} that throws when HAProxy says no, or nothing within
 * `patience` ms.
 *
 * @throws {RejectedError}
 */
export async function validate(
  program: Program,
  configuration: Configuration,
  patience: number,
  signal: AbortSignal,
): Promise<void> {
  const late = new AbortController();
  const timer = setTimeout(() =>
    late.abort(
      new RejectedError(
        { signal: signalNumber("SIGKILL") },
        `HAProxy did not finish checking the configuration within ${
          formatDuration(patience)
        } and was killed`,
      ),
    ), patience);
  try {
    const either = AbortSignal.any([signal, late.signal]);
    // With -q it would say nothing; -V is the opposite.
    const verdict = await check(program, configuration, either, ["-V", "-c"]);
    const { ending, errors, output } = verdict;
    if ("code" in ending && ending.code === 0) return;
    throw RejectedError.because(ending, (errors + output).trimEnd());
  } finally {
    clearTimeout(timer);
  }
}
