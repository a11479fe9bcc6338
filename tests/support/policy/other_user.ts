/**
 * Somebody else at the control socket: a process of another user, which asks
 * what the test has it ask.
 *
 * @module
 */
import type { Answer } from "../../../protocol.ts";
import { lacks } from "../foreign_program.ts";
import { Lines, within } from "../program.ts";
import { requestText } from "../raw_connection.ts";
import { treePath } from "../tree.ts";
import { OpenScratch } from "../unprivileged.ts";

/** For the option `ignore` of a test: only root can become somebody else. */
export const cannotBecomeOthers: boolean = Deno.uid() !== 0 ||
  await lacks("setpriv");

/** Who to be; no account has to have the numbers. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. Default: none. */
  readonly groups?: readonly number[];
}

/** Somebody with no rights of any kind. */
export const WEB: User = { uid: 1500, gid: 1600 };

/** Somebody else of that kind. */
export const MAIL: User = { uid: 2500, gid: 2600 };

/** What to start a program with so that it runs as that user. */
export function becoming({ uid, gid, groups = [] }: User): string[] {
  return [
    "setpriv",
    `--reuid=${uid}`,
    `--regid=${gid}`,
    groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`,
    "--inh-caps=-all",
  ];
}

/** What came back for one request. */
export interface Received {
  readonly answer: Answer | Answer[];
  /** What each descriptor refers to, `socket:[123]`. */
  readonly descriptors: readonly string[];
}

/** A process of another user with one connection. `await using` ends it. */
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

  /** Starts it and waits until it has connected. */
  static async connect(sock: string, user: User): Promise<OtherUser> {
    const cache = await OpenScratch.make();
    const [command, ...args] = [
      ...becoming(user),
      Deno.execPath(),
      "run",
      "-A",
      treePath("tests/support/policy/other_user_program.ts"),
      sock,
    ];
    const child = new Deno.Command(command!, {
      args,
      env: { NO_COLOR: "1", ...cache.env },
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const other = new OtherUser(child, cache);
    try {
      await other.#output.next("connected");
    } catch (error) {
      await other[Symbol.asyncDispose]();
      throw error;
    }
    return other;
  }

  /** Its process, which is the peer that the daemon sees. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Sends a text of one line, for which one answer comes. */
  async send(text: string): Promise<Received> {
    await this.#input.write(new TextEncoder().encode(text + "\n"));
    return JSON.parse(await this.#output.next("{"));
  }

  /** Asks for one thing. */
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
