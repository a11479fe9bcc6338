import type { HostAddress } from "../../../address.ts";
import { printErrors } from "../../../ffi/files/standard_streams.ts";
import { DOWN } from "./exposition.ts";

/** The content type of the text format of Prometheus. */
const TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Serves `/metrics` and `/healthz`. A daemon that does not answer is
 * `multibinder_up 0` on the first, and status 503 on the second.
 *
 * @param read asks the daemon
 * @returns once the server has shut down, after `signal`
 */
export async function serveMetrics(
  { host, port }: HostAddress,
  read: () => Promise<string>,
  signal: AbortSignal,
): Promise<void> {
  const server = Deno.serve({
    ...(host !== "" && { hostname: host }),
    port,
    signal,
    onListen: ({ hostname, port }) => {
      const name = hostname.includes(":") ? `[${hostname}]` : hostname;
      printErrors(`metrics on http://${name}:${port}/metrics`);
    },
  }, async (request) => {
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
      if (pathname === "/healthz") {
        return new Response(message, { status: 503 });
      }
      return new Response(DOWN, { headers: { "content-type": TEXT_FORMAT } });
    }
  });
  await server.finished;
}
