/**
 * A WebSocket service that echoes messages. On SIGTERM it closes each connection
 * with 1012 ("service restart"). Clients then connect to the next version.
 *
 * ```sh
 * MULTIBINDER_SOCK=/run/multibinder.sock \
 *   deno run --allow-ffi=/lib/x86_64-linux-gnu/libc.so.6 --allow-net=127.0.0.1 examples/websocket.ts
 * ```
 *
 * @module
 */
import { bind, inherited } from "../client.ts";

const [host = "127.0.0.1", port = "8000"] = Deno.args;
const [web = await bind(host, Number(port))] = inherited();

const SERVICE_RESTART = 1012;
const sockets = new Set<WebSocket>();

const server = web.serve((request) => {
  if (request.headers.get("upgrade") !== "websocket") {
    return new Response("speak WebSocket\n", { status: 426 });
  }
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.onopen = () => sockets.add(socket);
  socket.onmessage = ({ data }) => socket.send(data);
  socket.onclose = () => sockets.delete(socket);
  return response;
}, { onListen: (addr) => console.log("serving", addr) });

Deno.addSignalListener("SIGTERM", async () => {
  for (const socket of sockets) socket.close(SERVICE_RESTART);
  await server.shutdown();
  Deno.exit();
});
