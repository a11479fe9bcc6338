// Hono as it is, on a shared socket and reloaded without a lost request:
//
// multibinder-client run :8000 -- \
//   deno run -A --preload jsr:@multibinder/client/activate \
//   $PWD/examples/frameworks/hono.mjs
import process from "node:process";
import { Hono } from "npm:hono@^4.13.19";

const app = new Hono();
app.get("/", (context) => context.text(`hello from Hono ${process.pid}\n`));

const port = Number(process.env.PORT ?? 8000);
Deno.serve({ port, onListen: () => console.log("listening") }, app.fetch);
