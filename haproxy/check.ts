import type { Ending } from "../ffi/child_process.ts";
import { memoryFile, readMemoryFile } from "../ffi/file.ts";
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

/** HAProxy does not take a configuration. */
export class RejectedError extends Error {
  /** `RejectedError`. */
  override readonly name = "RejectedError";

  /** `ending` is how `haproxy -c` ended. */
  constructor(readonly ending: Ending, said: string) {
    super(`HAProxy rejects the configuration:\n${said.trimEnd()}`);
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
  const kill = () => child.signal("SIGKILL");
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
 * {@linkcode check} that throws when HAProxy says no.
 *
 * @throws {RejectedError}
 */
export async function validate(
  program: Program,
  configuration: Configuration,
  signal?: AbortSignal,
): Promise<void> {
  // With -q it would say nothing; -V is the opposite.
  const verdict = await check(program, configuration, signal, ["-V", "-c"]);
  const { ending, errors, output } = verdict;
  if ("code" in ending && ending.code === 0) return;
  throw new RejectedError(ending, errors + output);
}
