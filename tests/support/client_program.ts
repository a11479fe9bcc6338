/**
 * Starts the client's command line as users do: a separate process that may
 * only open libc.
 *
 * @module
 */
import { bind } from "../../client.ts";
import { type Daemon, MINIMAL_FLAGS } from "./daemon.ts";
import { Program } from "./program.ts";
import { treePath } from "./tree.ts";

/** Options of {@linkcode startClient}. */
export interface ClientOptions {
  /** Variables to set. Default: none. */
  env?: Record<string, string>;
  /** Permission flags beside libc. Default: none. */
  permissions?: readonly string[];
  /** A program to start it with, such as `env ...`. Default: none. */
  under?: readonly string[];
  /** The Deno that runs it. Default: this one. */
  deno?: string;
}

/** The command line of one of the client's commands. */
export function clientCommand(
  args: readonly string[],
  { permissions = [], under = [], deno = Deno.execPath() }: ClientOptions = {},
): string[] {
  const flags = [...MINIMAL_FLAGS, ...permissions];
  const client = treePath("client.ts");
  return [...under, deno, "run", ...flags, client, ...args];
}

/** Starts one of the client's commands. */
export function startClient(
  daemon: Daemon | undefined,
  args: readonly string[],
  options: ClientOptions = {},
): Program {
  const [program = "", ...rest] = clientCommand(args, options);
  return Program.start(program, {
    args: rest,
    env: {
      MULTIBINDER_SOCK: daemon?.sock ?? "",
      ...options.env,
    },
  });
}

/** Runs one of the client's commands and waits for its end. */
export async function runClient(
  daemon: Daemon | undefined,
  args: readonly string[],
  options: ClientOptions = {},
): ReturnType<Program["end"]> {
  await using program = startClient(daemon, args, options);
  return await program.end();
}

/** The port that the daemon holds for port 0 of 127.0.0.1. */
export async function portOf({ sock }: Daemon): Promise<number> {
  using web = await bind("127.0.0.1", 0, { sock });
  return (web.addr as Deno.NetAddr).port;
}
