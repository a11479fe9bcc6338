/**
 * A client process of another user, which sends requests for a test.
 *
 * @module
 */
import type { Answer } from "../../../protocol.ts";
import { lacks } from "../foreign_program.ts";
import { Lines, within } from "../program.ts";
import { requestText } from "../raw_connection.ts";
import { treePath } from "../tree.ts";
import { OpenScratch } from "../unprivileged.ts";

/** For the option `ignore` of a test: only root can start other users' processes. */
export const cannotBecomeOthers: boolean = Deno.uid() !== 0 ||
  await lacks("setpriv");

/** Ids of a process; they need not be those of an account. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. Default: none. */
  readonly groups?: readonly number[];
}

/** An unprivileged user. */
export const WEB: User = { uid: 1500, gid: 1600 };

/** Another unprivileged user. */
export const MAIL: User = { uid: 2500, gid: 2600 };

/** The command that runs a program as that user. */
export function becoming({ uid, gid, groups = [] }: User): string[] {
  return [
    "setpriv",
    `--reuid=${uid}`,
    `--regid=${gid}`,
    groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`,
    "--inh-caps=-all",
  ];
}

/** Starts a program of this folder as that user, with a cache that it may use. */
export function startAs(
  user: User,
  cache: OpenScratch,
  program: string,
  ...args: readonly string[]
): Deno.ChildProcess {
  const path = treePath(`tests/support/policy/${program}`);
  const deno = [Deno.execPath(), "run", "-A", path, ...args];
  const [command, ...words] = [...becoming(user), ...deno];
  return new Deno.Command(command!, {
    args: words,
    env: { NO_COLOR: "1", ...cache.env },
    cwd: "/",
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** The answer to one request. */
export interface Received {
  readonly answer: Answer | Answer[];
  /** The target of each descriptor, such as `socket:[123]`. */
  readonly descriptors: readonly string[];
}

/** A process of another user with one connection. `await using` stops it. */
export class OtherUser implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: Lines;
  readonly #cache: OpenScratch;

  private constructor(child: Deno.ChildProcess, cache: OpenScratch) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#output = new Lines(child.stdout);
    this.#cache = cache;
  }

  /** Starts the process and waits until it has connected. */
  static async connect(sock: string, user: User): Promise<OtherUser> {
    const cache = await OpenScratch.make();
    const child = startAs(user, cache, "other_user_program.ts", sock);
    const other = new OtherUser(child, cache);
    try {
      await other.#output.next("connected");
    } catch (error) {
      await other[Symbol.asyncDispose]();
      throw error;
    }
    return other;
  }

  /** Process id, which the daemon sees as the peer's. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Sends one line and waits for its answer. */
  async send(text: string): Promise<Received> {
    await this.#input.write(new TextEncoder().encode(text + "\n"));
    return JSON.parse(await this.#output.next("{"));
  }

  /** Sends one request. */
  async ask(
    method: string,
    params?: unknown,
  ): Promise<{ answer: Answer; descriptors: readonly string[] }> {
    const { answer, descriptors } = await this.send(
      requestText(1, method, params),
    );
    if (Array.isArray(answer)) throw new Error("one request, many answers");
    return { answer, descriptors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await within(this.#child.status, "the end of another user's process");
    await this.#output.all();
    await this.#cache[Symbol.asyncDispose]();
  }
}
