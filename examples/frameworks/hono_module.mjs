// Hono with a default export, as for "deno serve", reloaded without a lost request:
//
// multibinder-client serve :8000 $PWD/examples/frameworks/hono_module.mjs
import process from "node:process";
import { Hono } from "npm:hono@^4.13.19";

const app = new Hono();
app.get("/", (context) => context.text(`hello from Hono ${process.pid}\n`));

export default app;
