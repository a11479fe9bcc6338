import type { ConnectOptions } from "../client/session/options.ts";
import { configsOf, readHaproxyArguments } from "./haproxy_arguments.ts";
import { report } from "./report.ts";
import { Supervisor } from "./wrapper/supervisor.ts";
import { limitsWith } from "./wrapper/limits.ts";

/** Options of {@linkcode supervise}. */
export interface SuperviseOptions extends ConnectOptions {
  /**
   * HAProxy and its arguments: `["haproxy", "-f", "web.cfg.erb"]`. Files with
   * the extension `.erb` or `.mb` are templates.
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
   * How many HAProxies that were replaced may finish their connections at the
   * same time. The oldest is ended when there is one more. Default: 8.
   */
  maxDraining?: number;
  /**
   * How long a HAProxy that was replaced may take to finish its connections, in
   * ms; `Infinity` for no limit. Default: 1800000 (30 minutes).
   */
  drainTimeout?: number;
  /**
   * The environment of HAProxy and of the templates. Default: this program's.
   */
  env?: Readonly<Record<string, string>>;
  /** Hears messages, a line each. Default: standard error. */
  report?: (line: string) => void;
}

/** How HAProxy ended: an exit code, or the number of a signal. */
export type HaproxyEnding = { code: number } | { signal: number };

/** A HAProxy under supervision. `await using` stops it. */
export interface Supervision extends AsyncDisposable {
  /** The PID of the HAProxy that serves; `undefined` during a restart. */
  readonly serving: number | undefined;
  /** The PIDs of those that were replaced and finish their connections. */
  readonly draining: readonly number[];
  /**
   * Replaces HAProxy by one with the templates as they are now, and resolves
   * when the new one accepts connections. When it rejects, the one that serves
   * was not touched. All calls during a reload become one more reload.
   *
   * @throws {TemplateError}
   * @throws {Error} when HAProxy rejects the configuration or does not start,
   * with HAProxy's own words.
   */
  reload(): Promise<void>;
  /**
   * Ends HAProxy once its connections are finished, at the latest after the
   * grace. Called again, it ends HAProxy at once.
   */
  stop(): Promise<HaproxyEnding>;
  /** How the HAProxy that served last ended, after a `stop`. */
  readonly finished: Promise<HaproxyEnding>;
}

/**
 * Renders the templates of a HAProxy command line, lets HAProxy check them, and
 * keeps HAProxy running with its sockets: a HAProxy that crashes is restarted,
 * and `reload` replaces it without a gap. It resolves when HAProxy accepts
 * connections. The `signal` stops it, before and after that.
 *
 * HAProxy runs in the foreground as a child. Its arguments `-D`, `-W`, `-S`,
 * `-sf` and `-st` are ignored, and the file of `-p` is written by this function.
 *
 * @throws {TemplateError} for an error in a template.
 * @throws {TimeoutError} when the daemon does not answer within `timeout`.
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
    throw new TypeError(
      "the command has no configuration: expected haproxy -f FILE",
    );
  }
  if (haproxy.purpose !== "serve") {
    throw new TypeError(
      `these arguments do not make HAProxy serve: ${args.join(" ")}`,
    );
  }
  signal?.throwIfAborted();
  const { sock, timeout } = rest;
  const supervisor = new Supervisor(
    { command, arguments: haproxy, env: env ?? Deno.env.toObject() },
    { sock, timeout },
    limitsWith(rest),
    rest.report ?? report,
    undefined,
  );
  signal?.addEventListener("abort", () => supervisor.stop(), { once: true });
  try {
    await supervisor.start();
  } catch (error) {
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
      await (supervisor.isStopping ? supervisor.finished : supervisor.stop());
    },
  };
}
