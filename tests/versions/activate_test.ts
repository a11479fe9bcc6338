import { assertEquals } from "@std/assert";
import { isOlder } from "../../ffi/libc/deno_version.ts";
import {
  Activated,
  type ActivatedOptions,
  ask,
} from "../support/activate/activated.ts";
import { Daemon } from "../support/daemon.ts";
import { OwnPort } from "../support/loopback.ts";
import { Scratch } from "../support/tree.ts";
import { denoOf, OTHERS, TOO_OLD } from "../support/versions/other_versions.ts";

const DENO = `
  const onListen = () => console.log("listening");
  Deno.serve({ port: Number(Deno.args[0]), onListen }, () => new Response("hello"));
`;
const NODE = `
  import http from "node:http";
  http.createServer((_, response) => response.end("hello"))
    .listen(Deno.args[0], () => console.log("listening"));
`;

/** Serves once on a version; returns what the program wrote to standard error. */
async function serveOn(
  version: string,
  source: string,
  options: ActivatedOptions,
): Promise<string> {
  await using cache = await Scratch.make();
  using own = OwnPort.take();
  const { number: port } = own;
  await using service = await Activated.listening(source, {
    ...options,
    deno: denoOf(version),
    // Versions that share a cache delete each other's files.
    env: { ...options.env, DENO_DIR: cache.path },
    args: [String(port)],
  });
  assertEquals(await ask(port), "hello");
  service.program.signal("SIGTERM");
  const { errors } = await service.program.end();
  return errors.replaceAll(String(port), "PORT");
}

async function boundBy(daemon: Daemon): Promise<number> {
  using session = await daemon.session();
  return (await session.list()).length;
}

for (const version of OTHERS) {
  Deno.test(`activate on Deno ${version}: Deno.serve gets the daemon's socket`, async () => {
    await using daemon = await Daemon.start();
    assertEquals(await serveOn(version, DENO, { daemon }), "");
    assertEquals(await boundBy(daemon), 1);
  });

  const shares = !isOlder("2.8.0", version);
  Deno.test(`activate on Deno ${version}: node:http ${shares ? "gets the daemon's socket" : "says that it needs another version, and listens itself"}`, async () => {
    await using daemon = await Daemon.start();
    assertEquals(
      await serveOn(version, NODE, { daemon }),
      shares
        ? ""
        : `multibinder-activate: :PORT is not shared: servers of Node need Deno 2.8.0 or newer, this is ${version}`,
    );
    assertEquals(await boundBy(daemon), shares ? 1 : 0);
  });
}

Deno.test(`activate on Deno ${TOO_OLD} says which version it needs, and the program runs`, async () => {
  await using daemon = await Daemon.start();
  assertEquals(
    await serveOn(TOO_OLD, DENO, { daemon }),
    `multibinder-activate: no socket is shared: Deno 2.5.7 or newer is needed, this is ${TOO_OLD}`,
  );
  assertEquals(await serveOn(TOO_OLD, DENO, {}), "");
  assertEquals(await boundBy(daemon), 0);
});
