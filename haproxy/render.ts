import type { Address } from "../address.ts";
import { adviceFor } from "../client/command/advice.ts";
import { BindError } from "../client/session/errors.ts";
import { Line } from "../client/session/client_connection.ts";
import {
  type ConnectOptions,
  limitsOf,
  type SocketOptions,
} from "../client/session/options.ts";
import { SOCKET_VARIABLE } from "../client/session/socket_path.ts";
import { run } from "../client/session/waiting.ts";
import { Descriptor } from "../ffi/files/descriptor.ts";
import { FIRST_LISTEN_FD } from "../ffi/systemd/listen_fds.ts";
import { ErrorCode } from "../protocol.ts";
import { report } from "./report.ts";
import { bindFunctions } from "./template/bind_functions.ts";
import { environment } from "./template/environment.ts";
import { evaluate } from "./template/evaluate.ts";
import { plainAddress } from "./template/plain_address.ts";
import { Sockets } from "./template/sockets.ts";
import type { Tag } from "./template/tags.ts";
import { TemplateError } from "./template/template_error.ts";

/** Options of {@linkcode render}. */
export interface RenderOptions extends ConnectOptions {
  /** The name of the template in errors. Default: `template`. */
  name?: string;
  /** `ENV` in the template. Default: this program's environment. */
  env?: Readonly<Record<string, string>>;
  /** Hears warnings, a line each. Default: standard error. */
  warn?: (line: string) => void;
}

/** A template and its name. */
export interface NamedTemplate {
  name: string;
  text: string;
}

/** A call of a bind function, and the tag it is in. */
interface Request {
  file: string;
  tag: Tag;
  address: Address;
  options: SocketOptions;
}

/** The result of {@linkcode renderAll}. */
export interface Rendered {
  /** In the order of the templates. */
  texts: readonly string[];
  /** The caller disposes of them. */
  sockets: Sockets;
}

/** Options of {@linkcode renderAll}. */
export interface RenderAllOptions extends RenderOptions {
  /** The sockets of the HAProxy that serves. Default: none. */
  held?: Sockets | undefined;
}

/** The path of the control socket; unlike elsewhere it may be missing. */
function socketPath({ sock, env }: RenderOptions): string | undefined {
  const path = sock ?? (env ?? Deno.env.toObject())[SOCKET_VARIABLE];
  return path === "" ? undefined : path;
}

/**
 * Renders templates. Their sockets have one sequence of numbers, in the order of
 * the calls. The daemon is asked after the last template is rendered: an error in
 * a template then binds nothing, and the wait for the daemon can be aborted.
 *
 * @throws {TemplateError}
 * @throws {TimeoutError}
 */
export async function renderAll(
  templates: readonly NamedTemplate[],
  options: RenderAllOptions,
): Promise<Rendered> {
  const sock = socketPath(options);
  const variables = options.env ?? Deno.env.toObject();
  const ENV = environment(variables);
  const requests: Request[] = [];
  const texts: string[] = [];
  for (const { name, text } of templates) {
    texts.push(
      await evaluate({
        file: name,
        text,
        scope: (tag) => ({
          ENV,
          env: ENV,
          ...bindFunctions((address, options) => {
            requests.push({ file: name, tag: tag(), address, options });
            return sock === undefined
              ? plainAddress(address, options)
              : `fd@${FIRST_LISTEN_FD + requests.length - 1}`;
          }),
        }),
      }),
    );
  }
  if (sock !== undefined) {
    return { texts, sockets: await fetchSockets(requests, sock, options) };
  }
  if (requests.length > 0) {
    (options.warn ?? report)(
      `${SOCKET_VARIABLE} is not set: HAProxy binds its addresses itself, and a reload may refuse connections`,
    );
  }
  return { texts, sockets: new Sockets() };
}

async function fetchSockets(
  requests: readonly Request[],
  sock: string,
  limits: RenderAllOptions,
): Promise<Sockets> {
  const sockets = new Sockets();
  try {
    using line = new Line(sock);
    for (const request of requests) {
      const { address, options } = request;
      sockets.add(address, options, await fetchSocket(line, request, limits));
    }
    return sockets;
  } catch (error) {
    sockets[Symbol.dispose]();
    throw error;
  }
}

async function fetchSocket(
  line: Line,
  request: Request,
  limits: RenderAllOptions,
): Promise<Descriptor> {
  const { file, tag, address, options } = request;
  try {
    const work = line.bind(address, options);
    using binding = await run(work, limitsOf(limits));
    return new Descriptor(binding.dup());
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    const held = heldSocket(error, request, limits);
    if (held !== undefined) return held;
    throw new TemplateError({
      file,
      line: tag.line,
      expression: tag.source,
      reason: error.message,
      hint: adviceFor(error),
    }, error);
  }
}

/**
 * The socket that HAProxy already has for this request. A daemon that was killed
 * and started again no longer has it, and cannot bind a second one while HAProxy
 * listens on the address.
 */
function heldSocket(
  error: BindError,
  { file, tag, address, options }: Request,
  { held, warn = report }: RenderAllOptions,
): Descriptor | undefined {
  if (error.code !== ErrorCode.COULD_NOT_BIND) return undefined;
  const socket = held?.copyOf(address, options);
  if (socket !== undefined) {
    warn(
      `${file}:${tag.line}: the daemon no longer has this socket, HAProxy keeps its own: ${error.message}\n  in ${tag.source}`,
    );
  }
  return socket;
}

/**
 * The result of {@linkcode render}: the configuration, and the sockets for its
 * `fd@3`, `fd@4`, ...
 */
export interface Rendering extends Disposable {
  /** The configuration. */
  readonly text: string;
  /**
   * The sockets, which belong to the Rendering and are close-on-exec. HAProxy
   * needs them at 3, 4, ... in this order, as `stdio` of `node:child_process`
   * passes them.
   */
  readonly descriptors: readonly number[];
}

/**
 * Renders a HAProxy configuration template: `<%= bind_tcp('0.0.0.0', 80) %>`
 * becomes `fd@3`, a socket that HAProxy inherits (configuration.txt, `bind`).
 * A template also has `bind_udp(host, port)` and `bind_unix(path)`, each with the
 * daemon's options as an optional last argument, `ENV`, and all of JavaScript.
 * The backlog is 10240 by default.
 *
 * Without a control socket, neither as an option nor in `MULTIBINDER_SOCK`, the
 * result has the addresses themselves, and a warning is given.
 *
 * @throws {TemplateError} for an error in the template and for a socket that the
 * daemon refuses, with the line and the tag.
 * @throws {TimeoutError} when the daemon does not answer within `timeout`.
 *
 * @example
 * ```ts no-eval
 * import { spawn } from "node:child_process";
 * import { render } from "jsr:@multibinder/client/haproxy";
 *
 * using rendering = await render("listen web\n  bind <%= bind_tcp('::', 8080) %>\n");
 * await Deno.writeTextFile("web.cfg", rendering.text);
 * spawn("haproxy", ["-db", "-f", "web.cfg"], {
 *   stdio: ["ignore", "inherit", "inherit", ...rendering.descriptors],
 * });
 * ```
 */
export async function render(
  template: string,
  options: RenderOptions = {},
): Promise<Rendering> {
  const { name = "template" } = options;
  const { texts, sockets } = await renderAll(
    [{ name, text: template }],
    options,
  );
  return {
    text: texts[0]!,
    get descriptors() {
      return sockets.descriptors;
    },
    [Symbol.dispose]: () => sockets[Symbol.dispose](),
  };
}
