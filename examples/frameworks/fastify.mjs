// Fastify as it is, on a shared socket and reloaded without a lost request:
//
// multibinder-client run :8000 -- \
//   deno run -A --preload jsr:@multibinder/client/activate \
//   $PWD/examples/frameworks/fastify.mjs
import process from "node:process";
import fastify from "npm:fastify@^5.6.0";

const app = fastify();
app.get("/", () => `hello from Fastify ${process.pid}\n`);

const port = Number(process.env.PORT ?? 8000);
await app.listen({ host: "0.0.0.0", port });
console.log("listening");
