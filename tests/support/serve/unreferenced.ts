/** A program that serves and listens, and ends all the same. */
import { listeningTcp } from "./sockets.ts";

const web = listeningTcp();
const server = web.serve(() => new Response());
const listener = web.listen();
listener.accept();
server.unref();
listener.ref();
listener.unref();
