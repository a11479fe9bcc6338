import { assertEquals } from "@std/assert";
import type { BindDescription, Status } from "../../protocol.ts";
import type { RuleText } from "../support/policy/asking.ts";
import { loopbackHost } from "../support/loopback.ts";
import {
  cannotBecomeOthers,
  type User,
  WEB,
} from "../support/policy/other_user.ts";
import { assertBinds, assertDenied } from "../support/policy/outcome.ts";
import { OBSERVER, PolicyDaemon } from "../support/policy/policy_daemon.ts";

const SUPPLEMENTARY: User = { uid: 1501, gid: 1700, groups: [1599, 1600] };

const MATCHING: [what: string, rule: RuleText, user: User, other: User][] = [
  ["its user", { user: 1500 }, WEB, { uid: 1501, gid: 1600 }],
  ["a range of users", { user: "1400-1500" }, WEB, { uid: 1501, gid: 1600 }],
  ["its group", { group: 1600 }, WEB, { uid: 1500, gid: 1601 }],
  ["a supplementary group", { group: 1600 }, SUPPLEMENTARY, {
    ...SUPPLEMENTARY,
    groups: [1599],
  }],
  ["user and group together", { user: 1500, group: 1600 }, WEB, {
    uid: 1500,
    gid: 1601,
    groups: [1500],
  }],
];

for (const [what, rule, user, other] of MATCHING) {
  Deno.test(
    `only a client that the policy allows by ${what} can bind, list and release`,
    {
      ignore: cannotBecomeOthers,
    },
    async () => {
      const host = loopbackHost();
      await using server = await PolicyDaemon.start([
        { ...rule, methods: ["list", "status"] },
        { ...rule, name: "web", addresses: [`${host}:*`] },
        OBSERVER,
      ]);
      await using allowed = await server.as(user);
      const web = { address: host, port: 0 };
      const socket = await assertBinds(allowed, web);
      assertEquals(await assertBinds(allowed, web), socket);

      const { answer } = await allowed.ask("list");
      const listed = answer.result as BindDescription[];
      assertEquals(listed.map(({ inode }) => `socket:[${inode}]`), [socket]);
      assertEquals(listed[0]?.last_peer?.uid, user.uid);
      assertEquals(listed[0]?.last_peer?.pid, allowed.pid);

      await using denied = await server.as(other);
      for (const method of ["list", "status"]) {
        await assertDenied(denied, method);
      }
      for (const method of ["bind", "release"]) {
        await assertDenied(denied, method, web);
      }
      assertEquals((await server.held())[0]?.handed_out, 2);

      const { answer: released } = await allowed.ask("release", [web]);
      assertEquals(released.result, true);
      assertEquals(await server.held(), []);
    },
  );
}

Deno.test(
  "concurrent clients of different users have different rights",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const [one, two] = [loopbackHost(), loopbackHost()];
    await using server = await PolicyDaemon.start([
      { name: "web", user: 1500, addresses: [`${one}:8000-8009`] },
      { name: "mail", user: 2500, addresses: [`${two}:8000-8009`] },
      { methods: ["status"] },
      OBSERVER,
    ]);
    await using web = await server.as(WEB);
    await using mail = await server.as({ uid: 2500, gid: 2600 });
    for (let port = 8000; port < 8010; port++) {
      await Promise.all([
        assertBinds(web, { address: one, port }),
        assertDenied(mail, "bind", { address: one, port }),
      ]);
      await Promise.all([
        assertBinds(mail, { address: two, port }),
        assertDenied(web, "bind", { address: two, port }),
      ]);
    }
    for (const port of [0, 7999, 8010]) {
      await assertDenied(web, "bind", { address: one, port });
      await assertDenied(mail, "bind", { address: two, port });
    }
    assertEquals((await server.held()).length, 20);
    const { answer } = await web.ask("status");
    const { refused } = answer.result as Status;
    assertEquals(refused.denied, 26);
  },
);

Deno.test(
  "a member of the control socket's group is subject to the policy",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const host = loopbackHost();
    await using server = await PolicyDaemon.start(
      [{ name: "web", user: 1500, addresses: [`${host}:*`] }, OBSERVER],
      {},
      ["--mode", "0660", "--group", "1600"],
    );
    const { gid, mode } = await Deno.lstat(server.sock);
    assertEquals([gid, mode! & 0o777], [1600, 0o660]);
    await using web = await server.as(WEB);
    await using guest = await server.as({ uid: 1501, gid: 1, groups: [1600] });
    const address = { address: host, port: 0 };
    await assertBinds(web, address);
    await assertDenied(guest, "bind", address);
    assertEquals((await server.held()).map(({ handed_out }) => handed_out), [
      1,
    ]);
  },
);
