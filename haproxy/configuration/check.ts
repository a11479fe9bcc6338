import { formatDuration } from "../../duration.ts";
import type { Ending } from "../../ffi/processes/child_process.ts";
import { memoryFile, readMemoryFile } from "../../ffi/files/file.ts";
import { signalNumber } from "../../ffi/processes/signal_numbers.ts";
import { Child } from "../../supervisor/child.ts";
import { formatEnding } from "../../supervisor/report.ts";
import { argumentsWith } from "../haproxy_arguments.ts";
import { descriptorsOf, environmentOf, type Program } from "../program.ts";
import { report } from "../report.ts";
import { about, renderedName } from "./config_file.ts";
import type { Configuration } from "./configuration.ts";
import { TemporaryFile } from "./replaced_file.ts";

/** How `haproxy -c` ended, and what it wrote. */
export interface CheckResult {
  ending: Ending;
  /** Standard output and standard error, with the names of the real files. */
  output: string;
  errors: string;
}

/** A line with an error: `[ALERT] (4711) : parsing ...`. */
const ALERT = /^\[ALERT\](?:[^:\n]*\(\d+\)\s*:)?\s*(.+)$/m;

/** HAProxy rejects a configuration, or is ended before it has checked it. */
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

  /** The rejection by a HAProxy that wrote `output`, which may be empty. */
  static from(ending: Ending, output: string): RejectedError {
    const reason = output === "" ? " and gives no reason" : `:\n${output}`;
    const how = formatEnding(ending);
    if ("signal" in ending) {
      const what =
        `HAProxy was ended by ${how} while it checked the configuration`;
      return new RejectedError(
        ending,
        output === "" ? what : what + reason,
        what,
      );
    }
    const what = "HAProxy rejects the configuration";
    const first = ALERT.exec(output)?.[1] ?? `${how}, no reason given`;
    return new RejectedError(
      ending,
      `${what} with ${how}${reason}`,
      `${what}: ${first}`,
    );
  }
}

const decoder = new TextDecoder();

/**
 * What reloads the wrapper. `systemctl kill` sends it to every process of the
 * service: to a program of ours that does not act on it, it must not matter.
 */
export const RELOAD_SIGNALS: readonly Deno.Signal[] = ["SIGHUP", "SIGUSR2"];

/**
 * Lets HAProxy check a configuration before it is installed: with its own
 * arguments and sockets, and with temporary files beside the final ones. The
 * signal kills HAProxy.
 *
 * @throws {StartError}
 * @throws {FileError}
 */
export async function check(
  program: Program,
  configuration: Configuration,
  signal: AbortSignal | undefined,
  options: readonly string[],
): Promise<CheckResult> {
  using resources = new DisposableStack();
  const temporary = new Map<string, string>();
  for (const { name, path, text, template } of configuration.files) {
    const file = about(
      `cannot write beside ${name}`,
      () => new TemporaryFile(path, text, template.attributes),
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
    blocked: RELOAD_SIGNALS,
    descriptors: new Map<number, number | string>([
      ...descriptorsOf(configuration),
      [1, output.fd],
      [2, errors.fd],
    ]),
    onSignalDenied: report,
  });
  const kill = () => child.kill();
  signal?.addEventListener("abort", kill);
  try {
    const ending = await child.ended;
    signal?.throwIfAborted();
    const written = (fd: number) => {
      let text = decoder.decode(readMemoryFile(fd));
      for (const [name, path] of temporary) text = text.replaceAll(path, name);
      return text;
    };
    return { ending, output: written(output.fd), errors: written(errors.fd) };
  } finally {
    signal?.removeEventListener("abort", kill);
  }
}

/**
 * Throws when HAProxy rejects a configuration, or does not finish the
 * {@linkcode check} within `timeout` ms.
 *
 * @throws {RejectedError}
 */
export async function validate(
  program: Program,
  configuration: Configuration,
  timeout: number,
  signal: AbortSignal,
): Promise<void> {
  const late = new AbortController();
  const timer = setTimeout(() =>
    late.abort(
      new RejectedError(
        { signal: signalNumber("SIGKILL") },
        `HAProxy did not finish checking the configuration within ${
          formatDuration(timeout)
        } and was killed`,
      ),
    ), timeout);
  try {
    const either = AbortSignal.any([signal, late.signal]);
    // -V makes HAProxy write errors even if -q is among its arguments.
    const options = ["-V", "-c"];
    const { ending, errors, output } = await check(
      program,
      configuration,
      either,
      options,
    );
    if ("code" in ending && ending.code === 0) return;
    throw RejectedError.from(ending, (errors + output).trimEnd());
  } finally {
    clearTimeout(timer);
  }
}
