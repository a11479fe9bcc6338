import { assert, assertEquals } from "@std/assert";
import type { Address } from "../../address.ts";
import type { ClientCredentials } from "../../server/policy/policy.ts";
import { parsePolicy } from "../../server/policy/policy_file.ts";
import { canonical } from "../support/policy/asking.ts";
import { cannotBecomeOthers, type User } from "../support/policy/other_user.ts";
import { assertBinds, assertDenied } from "../support/policy/outcome.ts";
import { PolicyDaemon } from "../support/policy/policy_daemon.ts";
import { treePath } from "../support/tree.ts";

const ALICE: User = { uid: 1500, gid: 1500 };
const BOB: User = { uid: 1600, gid: 1600 };

/** Names of the example that this machine need not have. */
const NUMBERS: Readonly<Record<string, string>> = {
  '"group": "web"': '"group": 2700',
  '["haproxy", 997]': "[997]",
};

/** The policy on the page. */
async function example(): Promise<string> {
  const page = await Deno.readTextFile(treePath("docs/policy.md"));
  let text = /```jsonc\n(.+?)```/s.exec(page)![1]!;
  for (const [name, number] of Object.entries(NUMBERS)) {
    assert(text.includes(name), name);
    text = text.replace(name, number);
  }
  return text;
}

/** A free port of the range in the example. */
function portOf(first: number): number {
  return first + Deno.pid % 100;
}

Deno.test(
  "with the example of the policy page a user cannot get, release or occupy the port of another user",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    await using server = await PolicyDaemon.start([]);
    await Deno.writeTextFile(server.policyPath, await example());
    await server.reread();
    await using alice = await server.as(ALICE);
    await using bob = await server.as(BOB);
    const port = portOf(15000);
    await assertBinds(alice, { address: "127.0.0.1", port });
    const spellings = [
      { address: "127.0.0.1", port },
      { address: "0.0.0.0", port },
      { address: "::ffff:127.0.0.1", port },
      { address: "::", port, v6only: false },
      { address: "localhost", port },
      { address: "127.0.0.1", port, reuse_port: true },
    ];
    for (const params of spellings) {
      await assertDenied(bob, "bind", params);
      await assertDenied(bob, "release", params);
    }
    await assertBinds(bob, { address: "127.0.0.1", port: portOf(16000) });
    await assertDenied(alice, "bind", {
      address: "127.0.0.1",
      port: portOf(16000),
    });
    const path = `@alice/${crypto.randomUUID()}`;
    await assertBinds(alice, { path });
    await assertDenied(bob, "bind", { path });
  },
);

Deno.test("the example of the policy page allows no address to both of its users", async () => {
  const policy = parsePolicy(await example(), "policy.jsonc");
  const clientOf = ({ uid, gid }: User): ClientCredentials => ({
    pid: 1,
    uid,
    gid,
    groups: [],
  });
  const mayBind = (user: User, address: Address) =>
    policy.decide(clientOf(user), { method: "bind", address }).allowed;
  let alices = 0;
  let bobs = 0;
  for (const host of ["127.0.0.1", "[::1]", "0.0.0.0", "[::]", ""]) {
    for (let port = 0; port < 65536; port++) {
      const address = { ...canonical(`${host}:0`), port };
      const [alice, bob] = [mayBind(ALICE, address), mayBind(BOB, address)];
      assert(!(alice && bob), `${host}:${port}`);
      alices += Number(alice);
      bobs += Number(bob);
    }
  }
  assertEquals([alices, bobs], [200, 200]);
});
