import type { HostAddress } from "../../../address.ts";
import { printErrors } from "../../../ffi/files/standard_streams.ts";
import { DOWN } from "./exposition.ts";

/** The content type of the text format of Prometheus. */
const TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8";

/** `metrics --listen` cannot listen on its address. */
export class ListenError extends Error {
  /** `ListenError`. */
  override readonly name = "ListenError";

  /** `cause` is the error of the listener. */
  constructor({ host, port }: HostAddress, override readonly cause: Error) {
    const place = placeOf(host, port);
    const reason = cause instanceof Deno.errors.NotCapable
      ? `the permission is missing: run again with --allow-net=${place}`
      : cause.message.replace(/ \(os error \d+\)$/, "");
    super(`--listen ${place}: ${reason}`);
  }
}

function placeOf(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * Serves `/metrics` and `/healthz`. A daemon that does not answer is
 * `multibinder_up 0` on the first, and status 503 on the second.
 *
 * @param read asks the daemon
 * @returns once the server has shut down, after `signal`
 * @throws {ListenError} EADDRINUSE, a missing permission, ...
 */
export async function serveMetrics(
  address: HostAddress,
  read: () => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  const { host, port } = address;
  const onListen = ({ hostname, port }: Deno.NetAddr) =>
    printErrors(`metrics on http://${placeOf(hostname, port)}/metrics`);
  let server: Deno.HttpServer;
  try {
    server = Deno.serve(
      { hostname: host, port, signal, onListen },
      (request) => answer(request, read),
    );
  } catch (error) {
    throw error instanceof Error ? new ListenError(address, error) : error;
  }
  await server.finished;
}

async function answer(
  request: Request,
  read: () => Promise<string>,
): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname !== "/metrics" && pathname !== "/healthz") {
    return new Response("/metrics or /healthz\n", { status: 404 });
  }
  try {
    const text = await read();
    if (pathname === "/healthz") return new Response("ok\n");
    return new Response(text, { headers: { "content-type": TEXT_FORMAT } });
  } catch (error) {
    const message = `${(error as Error).message}\n`;
    if (pathname === "/healthz") return new Response(message, { status: 503 });
    return new Response(DOWN, { headers: { "content-type": TEXT_FORMAT } });
  }
}
