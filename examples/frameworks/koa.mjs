// Koa as it is, on a shared socket and reloaded without a lost request:
//
// multibinder-client run :8000 -- \
//   deno run -A --preload jsr:@multibinder/client/activate \
//   $PWD/examples/frameworks/koa.mjs
import process from "node:process";
import Koa from "npm:koa@^3.0.1";

const app = new Koa();
app.use((context) => {
  context.body = `hello from Koa ${process.pid}\n`;
});

app.listen(process.env.PORT ?? 8000, () => console.log("listening"));
