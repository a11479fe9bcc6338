/**
 * A framework on a shared socket: `serve` takes every function from Request to
 * Response, such as that of Hono.
 *
 * ```sh
 * MULTIBINDER_SOCK=/run/multibinder.sock \
 *   deno run --allow-ffi=/lib/x86_64-linux-gnu/libc.so.6 --allow-net=127.0.0.1 examples/hono.ts
 * ```
 *
 * @module
 */
import { Hono } from "npm:hono@^4.13.19";
import { bind, inherited } from "../client.ts";

const [host = "127.0.0.1", port = "8000"] = Deno.args;
const [web = await bind(host, Number(port))] = inherited();

const app = new Hono();
app.get("/", (context) => context.text("hello from Hono\n"));
app.get("/hello/:name", (context) => {
  return context.json({ hello: context.req.param("name") });
});

const server = web.serve(app.fetch, {
  onListen: (addr) => console.log("serving", addr),
});
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit();
});
