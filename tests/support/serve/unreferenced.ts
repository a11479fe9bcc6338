/** A program with an unref'd server and listener, which do not keep it alive. */
import { listeningTcp } from "./sockets.ts";

const web = listeningTcp();
const server = web.serve(() => new Response());
const listener = web.listen();
listener.accept();
server.unref();
listener.ref();
listener.unref();
