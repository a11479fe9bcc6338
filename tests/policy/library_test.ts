import { assert, assertEquals, assertRejects } from "@std/assert";
import { BindError, connect } from "../../client.ts";
import { ErrorCode } from "../../protocol.ts";
import { loadPolicy, OsError, PolicyError, serve } from "../../server.ts";
import { Scratch } from "../support/tree.ts";
import { OpenScratch } from "../support/unprivileged.ts";
import { loopbackHost } from "../support/loopback.ts";
import {
  cannotBecomeOthers,
  OtherUser,
  WEB,
} from "../support/policy/other_user.ts";
import { assertBinds, assertDenied } from "../support/policy/outcome.ts";
import { policyText } from "../support/policy/policy_daemon.ts";

Deno.test("serve({ policy }) applies the policy", async () => {
  const host = loopbackHost();
  await using scratch = await Scratch.make();
  const file = scratch.join("policy.jsonc");
  const own = { name: "own", user: Deno.uid()!, addresses: [`${host}:*`] };
  await Deno.writeTextFile(file, policyText(own));
  const policy = await loadPolicy(file);
  assertEquals([policy.path, policy.size], [file, 1]);

  const path = scratch.join("control.sock");
  await using server = serve({ path, policy, logLevel: "error" });
  using session = await connect({ sock: path });
  using web = await session.bind(host, 0);
  assertEquals((web.addr as Deno.NetAddr).hostname, host);
  const denied: (() => Promise<unknown>)[] = [
    () => session.bind(loopbackHost(), 0),
    () => session.release(loopbackHost(), 1),
    () => session.list(),
    () => session.status(),
  ];
  for (const ask of denied) {
    const error = await assertRejects(ask, BindError);
    assertEquals(error.code, ErrorCode.DENIED);
    assert(error.message.includes("by no rule"), error.message);
  }
  const { binds, refused, policy: shown } = server.status();
  assertEquals([binds, refused.denied], [1, 4]);
  const together = session.bindAll([`${host}:0`, `${loopbackHost()}:0`]);
  await assertRejects(() => together, BindError, "Denied by policy: bind of");
  assertEquals(server.status().binds, 1);
  assertEquals(shown, { path: file, rules: 1, loaded_at: policy.loadedAt });
});

Deno.test("serve({ policy }) distinguishes its clients", {
  ignore: cannotBecomeOthers,
}, async () => {
  const host = loopbackHost();
  await using open = await OpenScratch.make();
  const file = open.join("policy.jsonc");
  const own = { name: "own", user: 1500, addresses: [`${host}:*`] };
  await Deno.writeTextFile(file, policyText(own));
  const policy = await loadPolicy(file);
  const path = open.join("control.sock");
  await using server = serve({ path, mode: 0o666, policy, logLevel: "error" });
  await using web = await OtherUser.connect(path, WEB);
  using root = await connect({ sock: path });
  await assertBinds(web, { address: host, port: 0 });
  await assertDenied(web, "list");
  await assertRejects(() => root.bind(host, 0), BindError, "Denied by policy");
  assertEquals(server.status().binds, 1);
});

Deno.test("loadPolicy rejects for an invalid and for a missing file", async () => {
  await using scratch = await Scratch.make();
  const file = scratch.join("policy.jsonc");
  const missing = await assertRejects(() => loadPolicy(file), OsError);
  assertEquals(missing.code, "ENOENT");
  await Deno.writeTextFile(file, '{\n"rules": [\n{ "user": "no-such-user" }]}');
  const error = await assertRejects(() => loadPolicy(file), PolicyError);
  assertEquals([error.path, error.line], [file, 3]);
  assertEquals(error.reason, 'user "no-such-user" does not exist');
});
