/**
 * Runs test files with another Deno, divided among several processes.
 * @module
 */

import { fromFileUrl } from "@std/path";
import type { NpmDeno } from "./npm_deno.ts";

/** The root of this tree. */
export const TREE = fromFileUrl(new URL("../..", import.meta.url)).slice(0, -1);

/** How to run them. */
export interface TestRun {
  deno: NpmDeno;
  files: readonly string[];
  /** A command prefix that starts Deno, such as `unshare --mount`. */
  launcher?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Ends it. */
  signal: AbortSignal;
}

/** Aborted by the signals that would end this program without cleanup. */
export function endingSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => controller.abort());
  }
  return controller.signal;
}

/** `deno test` of the files, without the tests that the selection leaves out. */
export function testCommand(
  { deno, files, launcher = [], env = {}, signal }: TestRun,
): Deno.Command {
  const [program, ...args] = [
    ...launcher,
    deno.path,
    "test",
    "--allow-all",
    // The Deno that the tree is developed with checks types.
    "--no-check",
    `--preload=${TREE}/tools/other_denos/leave_out.ts`,
    ...files,
  ];
  return new Deno.Command(program!, {
    args,
    cwd: TREE,
    env: {
      ...env,
      DENO_DIR: deno.cache,
      DENO_NO_UPDATE_CHECK: "1",
      // Older versions use a built-in list of certificates, not the system's.
      DENO_TLS_CA_STORE: "system,mozilla",
    },
    stdin: "null",
    signal,
  });
}

/** Distributes the files round-robin. */
export function shares<T>(all: readonly T[], count: number): T[][] {
  return Array.from(
    { length: count },
    (_, share) => all.filter((_, index) => index % count === share),
  );
}

/** Writes all bytes; a single write can be partial. */
export async function write(
  stream: { writable: WritableStream<Uint8Array<ArrayBufferLike>> },
  text: Uint8Array<ArrayBuffer>,
): Promise<void> {
  await new Blob([text]).stream()
    .pipeTo(stream.writable, { preventClose: true });
}
