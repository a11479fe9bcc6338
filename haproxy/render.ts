import type { Address } from "../address.ts";
import { adviceFor } from "../client/command/advice.ts";
import { BindError } from "../client/session/errors.ts";
import { ClientConnection } from "../client/session/client_connection.ts";
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
  /**
   * Name of the template in error messages.
   *
   * @default "template"
   */
  name?: string;
  /**
   * `ENV` in the template.
   *
   * @default the environment of this program
   */
  env?: Readonly<Record<string, string>>;
  /**
   * Called with each warning, one line.
   *
   * @default prints to standard error
   */
  warn?: (line: string) => void;
}

/** A template and its name. */
export interface NamedTemplate {
  name: string;
  text: string;
}

/** A call of a bind function and its tag. */
interface Request {
  file: string;
  tag: Tag;
  address: Address;
  options: SocketOptions;
}

/** The result of {@linkcode renderAll}. */
export interface Rendered {
  /** Configurations, in the order of the templates. */
  texts: readonly string[];
  /** The caller owns them. */
  sockets: Sockets;
}

/** Options of {@linkcode renderAll}. */
export interface RenderAllOptions extends RenderOptions {
  /** Sockets of the running HAProxy. */
  held?: Sockets | undefined;
}

/** The path of the control socket, or `undefined`: it is optional here. */
function socketPath({ sock, env }: RenderOptions): string | undefined {
  const path = sock ?? (env ?? Deno.env.toObject())[SOCKET_VARIABLE];
  return path === "" ? undefined : path;
}

/**
 * Renders templates. The sockets of all templates are numbered in the order of
 * the calls. The requests to the daemon follow the last template: an error in a
 * template then binds nothing, and `signal` can abort the wait for the daemon.
 *
 * @throws {TemplateError} for an error in a template or of the daemon.
 * @throws {TimeoutError} when the daemon does not answer within `timeout`.
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
    using connection = new ClientConnection(sock);
    for (const request of requests) {
      const { address, options } = request;
      sockets.add(
        address,
        options,
        await fetchSocket(connection, request, limits),
      );
    }
    return sockets;
  } catch (error) {
    sockets[Symbol.dispose]();
    throw error;
  }
}

async function fetchSocket(
  connection: ClientConnection,
  request: Request,
  limits: RenderAllOptions,
): Promise<Descriptor> {
  const { file, tag, address, options } = request;
  try {
    const work = connection.bind(address, options);
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
 * The socket that the running HAProxy already has for this request. A daemon that
 * was killed and started again has lost it, and cannot bind the address while
 * HAProxy listens on it.
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
 * The result of {@linkcode render}: the configuration and the sockets for its
 * `fd@3`, `fd@4`, ...
 */
export interface Rendering extends Disposable {
  /** The configuration. */
  readonly text: string;
  /**
   * Close-on-exec descriptors of the sockets, which the Rendering owns. HAProxy
   * needs them at 3, 4, ... in this order: `stdio` of `node:child_process` does
   * that.
   */
  readonly descriptors: readonly number[];
}

/**
 * Renders a HAProxy configuration template.
 *
 * `<%= bind_tcp('0.0.0.0', 80) %>` becomes `fd@3`, a socket that HAProxy inherits
 * (`bind` in HAProxy's configuration.txt). A template can also use
 * `bind_udp(host, port)`, `bind_unix(path)`, `ENV` and JavaScript. The last
 * argument of the bind functions is optional: the daemon's options. The default
 * backlog is 10240 connections.
 *
 * If neither `sock` nor `MULTIBINDER_SOCK` names a control socket, the result has
 * the addresses instead, and `render` warns. Each request waits up to `timeout`
 * (default: 10000 ms).
 *
 * @throws {TemplateError} for an error in the template, and when the daemon
 * refuses a socket; the message has the line and the tag.
 * @throws {OsError} when connect(2) to the control socket fails, such as EACCES.
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
