/**
 * A service that answers with its name. SIGTERM shuts it down gracefully.
 */
import { bind } from "../../../client.ts";

const [port = "0", name = "service"] = Deno.args;
using web = await bind("127.0.0.1", Number(port));
const server = web.serve(() => new Response(name), {
  onListen: () => console.log("serving"),
});
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit();
});
