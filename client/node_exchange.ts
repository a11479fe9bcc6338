/**
 * One request of node:http or node:http2 and its answer, as the Request and
 * Response that a handler of Deno.serve knows.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Writable } from "node:stream";
import type { ServeHandler } from "./serve.ts";

/** A request as Node gives it. */
export type Incoming = IncomingMessage | Http2ServerRequest;

/** Where Node takes the answer. */
export type Outgoing = ServerResponse | Http2ServerResponse;

/** What an answer depends on beside the request. */
export interface Circumstances {
  handler: ServeHandler;
  onError: (error: unknown) => Response | Promise<Response>;
  /** Where the server listens. */
  addr: Deno.Addr;
  /** Whether the connection is TLS. */
  secure: boolean;
  /** Whether the server is about to end. */
  draining: () => boolean;
}

/** Has the handler answer a request. */
export async function answer(
  incoming: Incoming,
  outgoing: Outgoing,
  circumstances: Circumstances,
): Promise<void> {
  const completion = completionOf(outgoing);
  let request: Request;
  try {
    request = requestOf(incoming, circumstances, completion.signal);
  } catch {
    // A host that no URL can have, or a method that no Request can have.
    await send(new Response(null, { status: 400 }), incoming, outgoing);
    return;
  }
  const remoteAddr = peerOf(incoming, circumstances.addr);
  const info = { remoteAddr, completed: completion.promise };
  const response = await responseOf(request, info, circumstances);
  if (circumstances.draining() && incoming.httpVersionMajor < 2) {
    outgoing.setHeader("Connection", "close");
  }
  try {
    await send(response, incoming, outgoing);
  } catch (error) {
    // The head has gone: what onError makes of it cannot be sent any more.
    await Promise.try(circumstances.onError, error).catch(console.error);
    outgoing.destroy();
  }
  // What nobody read of the request stands before the next one.
  incoming.resume();
}

async function responseOf(
  request: Request,
  info: Deno.ServeHandlerInfo<Deno.Addr>,
  { handler, onError }: Circumstances,
): Promise<Response> {
  try {
    try {
      return asResponse(await handler(request, info));
    } catch (error) {
      return asResponse(await onError(error));
    }
  } catch (error) {
    console.error(error);
    return new Response("Internal Server Error", { status: 500 });
  }
}

function asResponse(value: unknown): Response {
  if (!(value instanceof Response) || value.type === "error") {
    throw new TypeError("a handler has to return a Response");
  }
  if (value.status === 101) {
    throw new TypeError(
      "no WebSocket here: Deno.upgradeWebSocket works with Deno.serve only",
    );
  }
  if (value.bodyUsed) {
    throw new TypeError("the body of the Response has been read already");
  }
  return value;
}

/** Whether an answer gets through: a promise, and a signal when it does not. */
function completionOf(
  outgoing: Outgoing,
): { promise: Promise<void>; signal: AbortSignal } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const controller = new AbortController();
  // Most handlers do not look at it.
  promise.catch(() => {});
  outgoing.on("close", () => {
    if (outgoing.writableFinished) return resolve();
    const lost = new Deno.errors.Interrupted("the client is gone");
    reject(lost);
    controller.abort(lost);
  });
  return { promise, signal: controller.signal };
}

function requestOf(
  incoming: Incoming,
  circumstances: Circumstances,
  signal: AbortSignal,
): Request {
  const headers = new Headers();
  const { rawHeaders } = incoming;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    // Pseudo-headers of HTTP/2.
    if (!name.startsWith(":")) headers.append(name, rawHeaders[index + 1]!);
  }
  const method = incoming.method ?? "GET";
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = hasBody ? { body: bodyOf(incoming), duplex: "half" } : {};
  return new Request(urlOf(incoming, circumstances), {
    method,
    headers,
    signal,
    ...body,
  });
}

function urlOf(incoming: Incoming, circumstances: Circumstances): string {
  const target = incoming.url ?? "/";
  // The absolute form, as for a proxy.
  if (/^https?:/i.test(target)) return target;
  const path = target.startsWith("/") ? target : `/${target}`;
  const { headers } = incoming;
  const host = headers[":authority"] ?? headers.host ??
    hostOf(circumstances.addr);
  return `${schemeOf(circumstances)}://${host}${path}`;
}

function schemeOf({ addr, secure }: Circumstances): string {
  if (addr.transport === "unix") return "http+unix";
  return secure ? "https" : "http";
}

function hostOf(addr: Deno.Addr): string {
  switch (addr.transport) {
    case "unix":
    case "unixpacket":
      return encodeURIComponent(addr.path);
    case "tcp":
    case "udp":
      return addr.hostname.includes(":")
        ? `[${addr.hostname}]:${addr.port}`
        : `${addr.hostname}:${addr.port}`;
    default:
      return "localhost";
  }
}

function peerOf({ socket }: Incoming, addr: Deno.Addr): Deno.Addr {
  if (addr.transport === "unix") return addr;
  return {
    transport: "tcp",
    hostname: socket.remoteAddress ?? "",
    port: socket.remotePort ?? 0,
  };
}

/** The body as a stream that makes the client wait for its reader. */
function bodyOf(incoming: Incoming): ReadableStream<Uint8Array<ArrayBuffer>> {
  let over = false;
  return new ReadableStream({
    start(controller) {
      incoming.on("data", (chunk: Uint8Array) => {
        if (over) return;
        controller.enqueue(new Uint8Array(chunk));
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      incoming.pause();
      incoming.on("end", () => {
        if (!over) controller.close();
        over = true;
      });
      const fail = () => {
        if (!over) {
          controller.error(
            new Deno.errors.Interrupted("the request was cut short"),
          );
        }
        over = true;
      };
      incoming.on("error", fail);
      incoming.on("close", fail);
    },
    pull() {
      incoming.resume();
    },
    cancel() {
      over = true;
      incoming.resume();
    },
  }, { highWaterMark: 0 });
}

/** What HTTP/2 has no use for and refuses (RFC 9113, 8.2.2). */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

async function send(
  response: Response,
  incoming: Incoming,
  outgoing: Outgoing,
): Promise<void> {
  const { status, statusText, headers, body } = response;
  const isHttp2 = incoming.httpVersionMajor >= 2;
  outgoing.statusCode = status;
  if (statusText !== "" && !isHttp2) outgoing.statusMessage = statusText;
  for (const [name, value] of headers) {
    if (name === "set-cookie" || isHttp2 && CONNECTION_HEADERS.has(name)) {
      continue;
    }
    outgoing.setHeader(name, value);
  }
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader("set-cookie", cookies);
  if (body === null || incoming.method === "HEAD") {
    outgoing.end();
    await body?.cancel();
    return;
  }
  await pour(body, outgoing);
}

/** Writes a body as fast as the client takes it. */
async function pour(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  outgoing: Outgoing,
): Promise<void> {
  const reader = body.getReader();
  let gone = false;
  outgoing.on("close", () => {
    gone = true;
    // Also ends a read that is under way.
    reader.cancel(new Deno.errors.Interrupted("the client is gone"))
      .catch(() => {});
  });
  sendHead(outgoing);
  while (true) {
    const { done, value } = await reader.read();
    if (gone) return;
    if (done) break;
    const stream: Writable = outgoing;
    if (!stream.write(value)) await drained(stream);
  }
  outgoing.end();
}

/** The head goes at once: the first chunk may be long in coming. */
function sendHead(outgoing: Outgoing): void {
  if ("flushHeaders" in outgoing) outgoing.flushHeaders();
  else outgoing.writeHead(outgoing.statusCode);
}

/** Resolves when the client has taken what was written, or is gone. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      stream.off("drain", end);
      stream.off("close", end);
      resolve();
    };
    stream.on("drain", end);
    stream.on("close", end);
  });
}
