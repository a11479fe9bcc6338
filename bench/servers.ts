/**
 * The servers that are compared: this tree's daemon, and what it is measured
 * against.
 *
 * @module
 */
import {
  compile,
  isInstalled,
  type ServerProgram,
  treePath,
} from "./programs.ts";

/** The names by which servers are chosen, in the order of the table. */
export const SERVER_KEYS = ["floor", "daemon", "daemon-info", "ruby"] as const;

/** A server by the name it is chosen by. */
export type ServerKey = typeof SERVER_KEYS[number];

/** The libc that the daemon is granted, and nothing else. */
const LIBC: Partial<Record<typeof Deno.build.arch, string>> = {
  x86_64: "/lib/x86_64-linux-gnu/libc.so.6",
  aarch64: "/lib/aarch64-linux-gnu/libc.so.6",
};

/**
 * What is needed to start each of the chosen servers. The Ruby server is left
 * out where Ruby is not installed; any other that cannot be started is an error.
 */
export async function serverPrograms(
  keys: readonly ServerKey[],
  folder: string,
): Promise<ServerProgram[]> {
  const programs: ServerProgram[] = [];
  for (const key of keys) {
    switch (key) {
      case "floor":
        programs.push(await floor(folder));
        break;
      case "daemon":
        programs.push(
          await daemon(key, "daemon", ["--log-level", "warn"], "piped"),
        );
        break;
      case "daemon-info":
        programs.push(
          await daemon(key, "daemon, each bind logged", [], "null"),
        );
        break;
      case "ruby":
        if (await isInstalled("ruby")) programs.push(ruby());
    }
  }
  return programs;
}

async function floor(folder: string): Promise<ServerProgram> {
  return {
    key: "floor",
    name: "floor (C, only answers)",
    command: await compile("floor", folder),
    args: (socket) => [socket],
    stderr: "piped",
  };
}

async function daemon(
  key: ServerKey,
  name: string,
  options: readonly string[],
  stderr: ServerProgram["stderr"],
): Promise<ServerProgram> {
  const face = treePath("server.ts");
  const isThere = await Deno.stat(face).then(
    (info) => info.isFile,
    () => false,
  );
  if (!isThere) {
    throw new Error(
      `${face} is not there: nothing to measure ` +
        "(--only floor,ruby measures the others)",
    );
  }
  const libc = LIBC[Deno.build.arch];
  if (libc === undefined) {
    throw new Error(`no libc is known for ${Deno.build.arch}`);
  }
  const flags = ["run", "--no-prompt", `--allow-ffi=${libc}`];
  return {
    key,
    name,
    command: Deno.execPath(),
    args: (socket) => [...flags, face, socket, ...options],
    stderr,
  };
}

function ruby(): ServerProgram {
  return {
    key: "ruby",
    name: "Ruby (same wire)",
    command: "ruby",
    args: (socket) => [treePath("tests/support/programs/server.rb"), socket],
    stderr: "piped",
  };
}
