/**
 * Runs test files with another Deno, in processes that share the files.
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
  /** What the Deno is started with, as arguments of each other. */
  launcher?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Ends it. */
  signal: AbortSignal;
}

/** Aborted by the signals that would end this program with things undone. */
export function endingSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => controller.abort());
  }
  return controller.signal;
}

/** `deno test` of the files, without what the selection leaves out. */
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
      // Older versions trust a list of their own, not the machine's.
      DENO_TLS_CA_STORE: "system,mozilla",
    },
    stdin: "null",
    signal,
  });
}

/** Shares files out, the first to the first, the second to the second, ... */
export function shares<T>(all: readonly T[], count: number): T[][] {
  return Array.from(
    { length: count },
    (_, share) => all.filter((_, index) => index % count === share),
  );
}

/** Writes all of it; a single write may stop anywhere. */
export async function write(
  stream: { writable: WritableStream<Uint8Array<ArrayBufferLike>> },
  text: Uint8Array<ArrayBuffer>,
): Promise<void> {
  await new Blob([text]).stream()
    .pipeTo(stream.writable, { preventClose: true });
}
