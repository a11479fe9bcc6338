// Express as it is, on a shared socket and reloaded without a lost request:
//
// multibinder-client run :8000 -- \
//   deno run -A --preload jsr:@multibinder/client/activate \
//   $PWD/examples/frameworks/express.mjs
import process from "node:process";
import express from "npm:express@^5.1.0";

const app = express();
app.get("/", (_request, response) => {
  response.send(`hello from Express ${process.pid}\n`);
});

app.listen(process.env.PORT ?? 8000, () => console.log("listening"));
