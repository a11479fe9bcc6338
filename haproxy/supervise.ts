import type { ConnectOptions } from "../client/options.ts";
import { report } from "./report.ts";
import { configsOf, readHaproxyArguments } from "./haproxy_arguments.ts";
import { type Manner, Supervisor } from "./supervisor.ts";

/** How long a new HAProxy may take until it is ready, in ms. */
const DEFAULT_READY_TIMEOUT = 60_000;

/** How long connections may take to finish at the end, in ms. */
const DEFAULT_GRACE = 30_000;

/** {@linkcode Manner} with what is not said at its default. */
export function mannerOf(
  { readyTimeout, grace }: { [Name in keyof Manner]?: number | undefined },
): Manner {
  return {
    readyTimeout: readyTimeout ?? DEFAULT_READY_TIMEOUT,
    grace: grace ?? DEFAULT_GRACE,
  };
}

/** Options of {@linkcode supervise}. */
export interface SuperviseOptions extends ConnectOptions {
  /**
   * HAProxy and its arguments: `["haproxy", "-f", "web.cfg.erb"]`. Files whose
   * names end in `.erb` or `.mb` are rendered.
   */
  command: readonly string[];
  /**
   * How long a new HAProxy may take to check its configuration, and then until
   * it is ready, in ms, before it is killed. Default: 60000.
   */
  readyTimeout?: number;
  /**
   * How long connections may take to finish after `stop`, in ms, before they
   * are closed. Default: 30000.
   */
  grace?: number;
  /**
   * The environment of HAProxy and of the templates. Default: this program's.
   */
  env?: Readonly<Record<string, string>>;
  /** Takes a line for people. Default: standard error. */
  report?: (line: string) => void;
}

/** How HAProxy ended: an exit code, or the number of a signal. */
export type HaproxyEnding = { code: number } | { signal: number };

/** A HAProxy that is kept running. `await using` stops it. */
export interface Supervision extends AsyncDisposable {
  /** The HAProxy that serves; `undefined` while one is started again. */
  readonly serving: number | undefined;
  /** Those that were replaced and finish their connections. */
  readonly draining: readonly number[];
  /**
   * Replaces HAProxy by one with the templates as they are now. It resolves
   * when the new one accepts connections. When it rejects, the one that serves
   * has not been touched. Asked for while one is under way, one more follows.
   *
   * @throws {TemplateError}
   * @throws {Error} when HAProxy rejects the configuration or does not start;
   * the message is what it says.
   */
  reload(): Promise<void>;
  /**
   * Ends HAProxy when its connections are finished, at the latest after the
   * grace; called again, at once.
   */
  stop(): Promise<HaproxyEnding>;
  /** How the last one that served has ended, after a `stop`. */
  readonly finished: Promise<HaproxyEnding>;
}

/**
 * Renders the templates of a HAProxy command line, has HAProxy check them, and
 * keeps it running with its sockets: it is started again when it dies, and
 * replaced without a gap by `reload`. It resolves when HAProxy accepts
 * connections. The `signal` ends it, before and after that.
 *
 * HAProxy runs in the foreground as a child. `-D`, `-W`, `-S`, `-sf` and their
 * like are taken out of its arguments; a file named by `-p` is written here.
 *
 * @throws {TemplateError} for a mistake in a template.
 * @throws {TimeoutError} when there was no daemon within `timeout`.
 * @throws {Error} when HAProxy rejects the configuration or does not start.
 * @throws {TypeError} for a command that does not start a HAProxy.
 *
 * @example
 * ```ts no-eval
 * import { supervise } from "jsr:@multibinder/client/haproxy";
 *
 * await using haproxy = await supervise({
 *   command: ["haproxy", "-f", "/etc/haproxy/web.cfg.erb"],
 * });
 * await haproxy.reload();
 * console.log(haproxy.serving, haproxy.draining); // 4712 [ 4711 ]
 * ```
 */
export async function supervise(
  options: SuperviseOptions,
): Promise<Supervision> {
  const { command: [command, ...args], env, signal, ...rest } = options;
  const haproxy = readHaproxyArguments(args);
  if (command === undefined || configsOf(haproxy).length === 0) {
    throw new TypeError("the command names no configuration: haproxy -f FILE");
  }
  if (haproxy.purpose !== "serve") {
    throw new TypeError(`the command starts no HAProxy: ${args.join(" ")}`);
  }
  signal?.throwIfAborted();
  const { sock, timeout } = rest;
  const supervisor = new Supervisor(
    { command, arguments: haproxy, env: env ?? Deno.env.toObject() },
    {
      ...(sock !== undefined && { sock }),
      ...(timeout !== undefined && { timeout }),
    },
    mannerOf(rest),
    rest.report ?? report,
    undefined,
  );
  signal?.addEventListener("abort", () => supervisor.stop(), { once: true });
  try {
    await supervisor.start();
  } catch (error) {
    await supervisor.stop();
    signal?.throwIfAborted();
    throw error;
  }
  return {
    get serving() {
      return supervisor.serving;
    },
    get draining() {
      return supervisor.draining;
    },
    reload: () => supervisor.reload(),
    stop: () => supervisor.stop(),
    finished: supervisor.finished,
    [Symbol.asyncDispose]: async () => {
      await (supervisor.stopping ? supervisor.finished : supervisor.stop());
    },
  };
}
