/** A program that serves one request from itself. */
import { get } from "./http_connection.ts";
import { listeningTcp } from "./sockets.ts";

using web = listeningTcp();
const server = web.serve(() => new Response("hello"));
console.log((await get(web)).body);
await server.shutdown();
