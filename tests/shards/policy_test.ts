import { cannotBecomeOthers, WEB } from "../support/policy/other_user.ts";
import { assertBinds, assertDenied } from "../support/policy/outcome.ts";
import { PolicyDaemon } from "../support/policy/policy_daemon.ts";
import { loopbackHost } from "../support/loopback.ts";

Deno.test(
  "a rule that allows an address allows its shards, and no other address's",
  { ignore: cannotBecomeOthers },
  async () => {
    const address = loopbackHost();
    const rule = { user: WEB.uid, addresses: [`${address}:*`] };
    await using server = await PolicyDaemon.start([rule]);
    await using user = await server.as(WEB);
    const port = 0;
    await assertBinds(user, { address, port, shard: 0, shards: 2 });
    await assertBinds(user, { address, port, shard: 1, shards: 2 });
    await assertDenied(user, "bind", {
      address,
      port,
      shard: 1,
      shards: 2,
      reuse_port: true,
    });
    const other = { address: loopbackHost(), port, shard: 1, shards: 2 };
    await assertDenied(user, "bind", other);
    await assertDenied(user, "release", { ...other, shards: undefined });
  },
);
