import { assertEquals, assertMatch } from "@std/assert";
import { ask } from "../support/activate/activated.ts";
import { lacksFrameworks } from "../support/activate/frameworks.ts";
import { Daemon } from "../support/daemon.ts";
import { OwnPort } from "../support/loopback.ts";
import { selfSigned } from "../support/serve/certificate.ts";
import { underLoad } from "../support/serve/under_load.ts";
import { moduleOf, Served } from "../support/serve_command/served.ts";
import { libcPath, treePath } from "../support/tree.ts";

/** Needs the import map of its directory, and tells what it was given. */
const CURIOUS = `
  import { greeting } from "greeting";
  const child = await new Deno.Command("env").output();
  const inherited = new TextDecoder().decode(child.stdout)
    .match(/^(LISTEN_|MULTIBINDER_(FDS|CERT|KEY)|DENO_AUTO_SERVE).*/gm);
  export default {
    onListen(addr) { console.log("listening", addr.port === Number(Deno.args[1])); },
    fetch(request, { remoteAddr }) {
      return Response.json({
        greeting, args: Deno.args, main: import.meta.main, inherited,
        path: new URL(request.url).pathname, from: remoteAddr.hostname,
      });
    },
  } satisfies Deno.ServeDefaultExport;
`;

Deno.test("a module of deno serve is served with its configuration, arguments and onListen, and its children get no variables of ours", async () => {
  await using daemon = await Daemon.start();
  await using served = await Served.ready(daemon, {
    files: {
      "main.ts": CURIOUS,
      "greeting.ts": 'export const greeting = "hello";',
      "deno.json": '{ "imports": { "greeting": "./greeting.ts" } }',
    },
    module: ["{dir}/main.ts", "one", "--two"],
  });
  await served.program.output.next("listening false");
  const answer = await fetch(`http://127.0.0.1:${served.port}/a`);
  assertEquals(await answer.json(), {
    greeting: "hello",
    args: ["one", "--two"],
    main: true,
    inherited: null,
    path: "/a",
    from: "127.0.0.1",
  });
  const { text } = served.program.errors;
  assertEquals(/warning|deno serve/.exec(text), null, text);
});

const BROKEN: readonly [what: string, source: string, says: RegExp][] = [
  [
    "without a default export",
    "export const fetch = 1;",
    /^multibinder-serve: file:\/\/\S+main\.ts has no default export: expected export default \{ fetch \}/m,
  ],
  [
    "without fetch",
    "export default { Fetch() {} };",
    /^multibinder-serve: the default export of file:\/\/\S+ has no function fetch: /m,
  ],
  [
    "that does not load",
    'import "./missing.ts"; export default { fetch() {} };',
    /Module not found/,
  ],
];

Deno.test("a reload under load loses no request, and a broken module does not replace one that works", async () => {
  await using daemon = await Daemon.start();
  await using served = await Served.ready(daemon, {
    files: { "main.ts": moduleOf("v1") },
  });
  const { lost, names } = await underLoad(served, async () => {
    let generation = 1;
    for (const [what, source, says] of BROKEN) {
      generation++;
      await served.reload(source);
      await served.says("reload failed: generation 1 keeps serving");
      assertMatch(served.program.errors.text, says, what);
    }
    await served.reload(moduleOf("v2"));
    await served.says(`generation ${generation + 1}: ready`);
    assertMatch(await served.says("generation 1: process"), /exit code 0$/);
    assertMatch(await ask(served.port), /^v2 /);
  }, { clients: 3 });
  assertEquals(lost, []);
  assertEquals(names.size, 2, [...names].join());
});

Deno.test("--cert and --key serve HTTPS, with files that are read at each start", async () => {
  await using daemon = await Daemon.start();
  const [first, second] = [await selfSigned(), await selfSigned()];
  await using served = await Served.ready(daemon, {
    files: {
      "main.ts": moduleOf("v1"),
      "cert.pem": first.cert,
      "key.pem": first.key,
    },
    options: ["--chdir", "{dir}", "--cert", "cert.pem", "--key", "key.pem"],
    module: ["main.ts"],
  });
  const url = `https://localhost:${served.port}/`;
  const get = async (cert: string): Promise<string> => {
    using client = Deno.createHttpClient({ caCerts: [cert] });
    return await (await fetch(url, { client })).text();
  };
  assertMatch(await get(first.cert), /^v1 /);
  await Deno.writeTextFile(served.scratch.join("cert.pem"), second.cert);
  await Deno.writeTextFile(served.scratch.join("key.pem"), second.key);
  await served.reload(moduleOf("v2"));
  await served.says("generation 2: ready");
  await served.says("generation 1: process");
  assertMatch(await get(second.cert), /^v2 /);
});

Deno.test("only --cert and --key make serve use TLS, not the variables that it passes them by", async () => {
  await using daemon = await Daemon.start();
  await using served = await Served.ready(daemon, {
    files: { "main.ts": moduleOf("v1") },
    env: { MULTIBINDER_CERT: "/cert.pem", MULTIBINDER_KEY: "/key.pem" },
  });
  const answer = await fetch(`http://127.0.0.1:${served.port}/`);
  assertMatch(await answer.text(), /^v1 /);
});

Deno.test("a UNIX socket is served", async () => {
  await using daemon = await Daemon.start();
  await using served = await Served.ready(daemon, {
    files: { "main.ts": moduleOf("v1") },
    address: "unix:{dir}/web.sock",
  });
  using client = Deno.createHttpClient({
    proxy: { transport: "unix", path: served.scratch.join("web.sock") },
  });
  const answer = await fetch("http://web/", { client });
  assertMatch(await answer.text(), /^v1 /);
});

Deno.test("after -- a module has only the given permissions, and arguments", async () => {
  await using daemon = await Daemon.start();
  await using served = await Served.ready(daemon, {
    files: {
      "main.ts":
        `const { state } = await Deno.permissions.query({ name: "run" });
        export default { fetch: () => new Response(state + Deno.args[0]) };`,
    },
    module: ["--", `--allow-ffi=${libcPath}`, "--allow-net=127.0.0.1"]
      .concat("{dir}/main.ts", "--watch"),
  });
  assertEquals(await ask(served.port), "prompt--watch");
});

Deno.test("a module at a URL is served", async () => {
  await using daemon = await Daemon.start();
  const site = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      new Response(moduleOf("remote"), {
        headers: { "content-type": "text/javascript" },
      }),
  );
  const url = `http://127.0.0.1:${site.addr.port}/${crypto.randomUUID()}.js`;
  {
    await using served = await Served.ready(daemon, {
      files: {},
      module: [url],
    });
    assertMatch(await ask(served.port), /^remote /);
  }
  await site.shutdown();
});

Deno.test("another server of the module listens by itself", async () => {
  await using daemon = await Daemon.start();
  using own = OwnPort.take();
  const { number: port } = own;
  await using served = await Served.ready(daemon, {
    files: {
      "main.ts": `
        Deno.serve({ port: ${port}, onListen() {} }, () => new Response("metrics"));
        ${moduleOf("v1")}`,
    },
  });
  assertEquals(await ask(port), "metrics");
  assertMatch(await ask(served.port), /^v1 /);
});

Deno.test("SIGTERM ends a module that has more to do, and one that listens for SIGTERM ends itself", async () => {
  await using daemon = await Daemon.start();
  const busy = `setInterval(() => {}, 1000); ${moduleOf("busy")}`;
  const own = `Deno.addSignalListener("SIGTERM", () => Deno.exit(7));`;
  for (
    const [source, code] of [[busy, 0], [own + busy, 7]] as const
  ) {
    await using served = await Served.ready(daemon, {
      files: { "main.ts": source },
    });
    await served.reload(moduleOf("next"));
    await served.says("generation 2: ready");
    const ended = await served.says("generation 1: process");
    assertMatch(ended, new RegExp(`exit code ${code}$`));
  }
});

Deno.test({
  name:
    "examples/frameworks/hono_module.mjs, unmodified Hono with a default export: a reload under load loses no request",
  ignore: await lacksFrameworks(),
  fn: async () => {
    await using daemon = await Daemon.start();
    await using served = await Served.ready(daemon, {
      files: {},
      module: [treePath("examples/frameworks/hono_module.mjs")],
    });
    const { lost, names } = await underLoad(served, async () => {
      served.program.signal("SIGHUP");
      await served.says("generation 2: ready");
      await served.says("generation 1: process");
      assertMatch(await ask(served.port), /^hello from Hono \d+\n$/);
    }, { clients: 4, kinds: [true] });
    assertEquals(lost, []);
    assertEquals(names.size, 2);
  },
});
