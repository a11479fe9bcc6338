import { assertEquals, assertStringIncludes } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { type Answer, ErrorCode } from "../../protocol.ts";
import { requestText } from "../support/raw_connection.ts";
import { loopbackHost } from "../support/loopback.ts";
import { cannotBecomeOthers, MAIL, WEB } from "../support/policy/other_user.ts";
import { assertBinds, assertDenied } from "../support/policy/outcome.ts";
import { OBSERVER, PolicyDaemon } from "../support/policy/policy_daemon.ts";

Deno.test("a policy without rules denies every request, also of root", {
  ignore: cannotBecomeOthers,
}, async () => {
  await using server = await PolicyDaemon.start([]);
  const web = { address: loopbackHost(), port: 0 };
  for (const user of [WEB, { uid: 0, gid: 0 }]) {
    await using asking = await server.as(user);
    for (const method of ["list", "status"]) await assertDenied(asking, method);
    for (const method of ["bind", "release"]) {
      await assertDenied(asking, method, web);
    }
  }
});

const METHODS = [
  "frobnicate",
  "Bind",
  "bind ",
  " bind",
  "",
  "policy",
  "__proto__",
  "constructor",
  "toString",
  "bind\u0000",
];

Deno.test("an unknown method is answered -32601, whatever the policy allows", {
  ignore: cannotBecomeOthers,
}, async () => {
  const web = { address: loopbackHost(), port: 0 };
  await using server = await PolicyDaemon.start([{ options: "*" }]);
  await using asking = await server.as(WEB);
  for (const method of METHODS) {
    const { answer, descriptors } = await asking.ask(method, [web]);
    assertEquals(answer.error?.code, ErrorCode.METHOD_NOT_FOUND, method);
    assertEquals(descriptors, []);
  }
  assertEquals(await server.held(), []);
});

const PRIVILEGED: [option: string, params: object][] = [
  ["mark", { mark: 1 }],
  ["transparent", { transparent: true }],
  ["transparent", { transparent: false }],
  ["free_bind", { free_bind: true }],
  ["device", { device: "lo" }],
  ["mark", { mark: 1, backlog: 5 }],
];

for (const [option, params] of PRIVILEGED) {
  const asked = JSON.stringify(params);
  Deno.test(
    `an option that the rule does not list is denied for a new and a held socket: ${asked}`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      const host = loopbackHost();
      const own = { name: "own", addresses: [`${host}:*`] };
      await using server = await PolicyDaemon.start([
        { ...own, user: 1500 },
        { ...own, user: 1500, methods: ["bind"], options: ["backlog"] },
        { ...own, user: 2500, options: "*" },
        OBSERVER,
      ]);
      await using web = await server.as(WEB);
      const asking = { address: host, port: 0, ...params };
      await assertDenied(web, "bind", asking);
      assertEquals(await server.held(), []);
      await assertBinds(web, { address: host, port: 0 });
      await assertDenied(web, "bind", asking);
      const [held] = await server.held();
      assertEquals(held?.options[option as "mark"], undefined);
      assertEquals(held?.options.backlog, 1000);
      assertEquals(held?.handed_out, 1);
      await using mail = await server.as(MAIL);
      await assertBinds(mail, asking);
    },
  );
}

for (const option of ["owner", "group"]) {
  Deno.test(
    `a rule without the option ${option} denies it for a new and a held path`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      await using server = await PolicyDaemon.start([OBSERVER]);
      const folder = server.open.join("own");
      await Deno.mkdir(folder);
      const own = { name: "own", user: 1500, addresses: [`unix:${folder}/*`] };
      await server.write(own, OBSERVER);
      assertStringIncludes(await server.reread(), "policy reloaded");
      await using web = await server.as(WEB);
      const path = `${folder}/web.sock`;
      for (const account of [0, "0", "root", 1500]) {
        await assertDenied(web, "bind", { path, [option]: account });
      }
      assertEquals([...Deno.readDirSync(folder)], []);
      await assertBinds(web, { path, mode: "0666" });
      for (const account of [0, "root", 1500]) {
        await assertDenied(web, "bind", { path, [option]: account });
      }
      const { uid, gid, mode } = await Deno.lstat(path);
      assertEquals([uid, gid, mode! & 0o777], [0, 0, 0o666]);
    },
  );
}

Deno.test(
  "a held socket is handed out only to clients that may bind its address",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const host = loopbackHost();
    await using server = await PolicyDaemon.start([
      { name: "own", user: [0, 1500], addresses: [`${host}:*`] },
      { methods: ["list"] },
    ]);
    using held = await bind(host, 0, { sock: server.sock });
    assertEquals(held.addr.transport, "tcp");
    await using web = await server.as(WEB);
    await using mail = await server.as(MAIL);
    for (const more of [{}, { backlog: 1 }, { v6only: false }]) {
      await assertDenied(mail, "bind", { address: host, port: 0, ...more });
    }
    const [before] = await server.held();
    assertEquals([before?.handed_out, before?.options.backlog], [1, 1000]);
    assertEquals(before?.last_peer?.uid, 0);
    await assertBinds(web, { address: host, port: 0 });
  },
);

Deno.test(
  "only a client that may release an address can release the bind of another client",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const [one, two] = [loopbackHost(), loopbackHost()];
    await using server = await PolicyDaemon.start([
      { name: "web", user: 1500, addresses: [`${one}:*`, "unix:@web"] },
      { name: "mail", user: 2500, addresses: [`${two}:*`] },
      { name: "bound", user: 2500, methods: ["bind"], addresses: [`${one}:*`] },
      OBSERVER,
    ]);
    await using web = await server.as(WEB);
    await using mail = await server.as(MAIL);
    const address = { address: one, port: 0 };
    const socket = await assertBinds(web, address);
    assertEquals(await assertBinds(mail, address), socket);
    // The answer does not reveal whether the address is held.
    for (const asked of [address, { ...address, port: 1 }, { path: "@web" }]) {
      await assertDenied(mail, "release", asked);
    }
    assertEquals((await server.held()).length, 1);
    const { answer } = await web.ask("release", [address]);
    assertEquals(answer.result, true);
    const { answer: again } = await web.ask("release", [address]);
    assertEquals(again.error?.code, ErrorCode.NO_SUCH_BIND);
  },
);

function batchOf(...params: readonly object[]): string {
  const requests = params.map((each, id) => requestText(id, "bind", [each]));
  return `[${requests.join(",")}]`;
}

const POSITIONS = [0, 1, 2];

for (const position of POSITIONS) {
  Deno.test(
    `a batch of which member ${position} is denied binds nothing and sends no descriptor`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      const [own, taken] = [loopbackHost(), loopbackHost()];
      await using server = await PolicyDaemon.start([
        { name: "own", user: 1500, addresses: [`${own}:*`, "unix:@own-*"] },
        OBSERVER,
      ]);
      const name = `@own-${crypto.randomUUID()}`;
      const members: object[] = [{ address: own, port: 0 }, { path: name }];
      members.splice(position, 0, { address: taken, port: 0 });
      await using web = await server.as(WEB);
      const { answer, descriptors } = await web.send(batchOf(...members));
      const codes = (answer as Answer[]).map(({ error }) => error?.code);
      const expected: number[] = POSITIONS.map(() => ErrorCode.COULD_NOT_BIND);
      assertEquals(codes, expected.with(position, ErrorCode.DENIED));
      assertEquals(descriptors, []);
      assertEquals(await server.held(), []);

      const granted = await web.send(
        batchOf(...members.filter((_, index) => index !== position)),
      );
      assertEquals(granted.descriptors.length, 2);
      assertEquals((await server.held()).length, 2);
    },
  );
}

Deno.test("a denied batch leaves held sockets unchanged", {
  ignore: cannotBecomeOthers,
}, async () => {
  const [own, taken] = [loopbackHost(), loopbackHost()];
  await using server = await PolicyDaemon.start([
    { name: "own", user: 1500, addresses: [`${own}:*`] },
    OBSERVER,
  ]);
  await using web = await server.as(WEB);
  const socket = await assertBinds(web, { address: own, port: 0 });
  const { answer, descriptors } = await web.send(
    batchOf(
      { address: own, port: 0 },
      { address: own, port: 0 },
      { address: taken, port: 0 },
    ),
  );
  assertEquals((answer as Answer[]).map(({ error }) => error?.code), [
    ErrorCode.COULD_NOT_BIND,
    ErrorCode.COULD_NOT_BIND,
    ErrorCode.DENIED,
  ]);
  assertEquals(descriptors, []);
  const held = await server.held();
  assertEquals(held.map(({ inode }) => `socket:[${inode}]`), [socket]);
  assertEquals(held[0]?.handed_out, 1);
});

Deno.test(
  "each request of a batch with several methods is authorized on its own",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const own = loopbackHost();
    await using server = await PolicyDaemon.start([
      { name: "own", user: 1500, methods: ["bind"], addresses: [`${own}:*`] },
      OBSERVER,
    ]);
    await using web = await server.as(WEB);
    const params = [{ address: own, port: 0 }];
    const { answer, descriptors } = await web.send(`[${
      [
        requestText(1, "list"),
        requestText(2, "bind", params),
        requestText(3, "release", params),
        requestText(4, "status"),
      ].join(",")
    }]`);
    const codes = (answer as Answer[]).map(({ error }) => error?.code);
    assertEquals(codes, [10001, undefined, 10001, 10001]);
    assertEquals(descriptors.length, 1);
    assertEquals((await server.held()).length, 1);
  },
);

Deno.test(
  "a connection keeps the credentials of the process that opened it",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const host = loopbackHost();
    await using server = await PolicyDaemon.start([
      { name: "own", user: 1500, addresses: [`${host}:*`] },
      OBSERVER,
    ]);
    const params = { address: host, port: 0 };
    // The next client often gets the descriptor number of the last one.
    for (let turn = 0; turn < 3; turn++) {
      {
        await using web = await server.as(WEB);
        await assertBinds(web, params);
      }
      await using mail = await server.as(MAIL);
      await assertDenied(mail, "bind", params);
      using root = await connect({ sock: server.sock });
      assertEquals((await root.list()).length, 1);
    }
  },
);

Deno.test(
  "a rule for one kind of socket does not allow another kind",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const host = loopbackHost();
    await using server = await PolicyDaemon.start([
      {
        name: "own",
        user: 1500,
        addresses: [`${host}:*`, "unix:/**", "unix:/*", "seqpacket:@own"],
      },
      OBSERVER,
    ]);
    await using web = await server.as(WEB);
    const elsewhere = [
      { address: host, port: 0, kind: "udp" },
      { path: "@own" },
      { path: "@/run/web.sock" },
      { path: "@own", kind: "unixgram" },
      { path: `${server.open.join("x")}`, kind: "seqpacket" },
      { path: `${server.open.join("x")}`, kind: "unixgram" },
    ];
    for (const params of elsewhere) await assertDenied(web, "bind", params);
    assertEquals(await server.held(), []);
  },
);
