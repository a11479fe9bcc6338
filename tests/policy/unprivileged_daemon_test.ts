import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BindError, connect } from "../../client.ts";
import { assertRefused } from "../support/control_socket/start_failure.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import {
  asUnprivileged,
  OpenScratch,
  unprivileged,
} from "../support/unprivileged.ts";
import { loopbackHost } from "../support/loopback.ts";
import { policyText } from "../support/policy/policy_daemon.ts";

const ignore = await lacks(...unprivileged.slice(0, 1));

/** A directory in which an unprivileged daemon can create its control socket. */
async function placeWithPolicy(text: string): Promise<OpenScratch> {
  const open = await OpenScratch.make();
  await Deno.mkdir(open.join("run"));
  await Deno.chmod(open.join("run"), 0o777);
  await Deno.writeTextFile(open.join("policy.jsonc"), text);
  return open;
}

Deno.test(
  "an unprivileged daemon with FFI permission for libc only applies, rereads and keeps its policy",
  {
    ignore,
  },
  async () => {
    const [one, two] = [loopbackHost(), loopbackHost()];
    // libc looks up the user and the group.
    const look = { user: ["root", Deno.uid()!], methods: ["list", "status"] };
    const own = (host: string) => {
      return { name: "own", group: Deno.gid()!, addresses: [`${host}:*`] };
    };
    await using open = await placeWithPolicy(policyText(look, own(one)));
    const policy = open.join("policy.jsonc");
    await using daemon = await Daemon.start({
      sock: open.join("run/control.sock"),
      args: ["--policy", policy, "--mode", "0666"],
      ...await asUnprivileged(open),
    });
    using session = await connect({ sock: daemon.sock });
    const assertDeniedAt = async (host: string) => {
      const bind = () => session.bind(host, 0);
      await assertRejects(bind, BindError, "Denied by policy");
    };
    (await session.bind(one, 0)).close();
    await assertDeniedAt(two);

    await Deno.writeTextFile(policy, policyText(look, own(two)));
    daemon.program.signal("SIGHUP");
    await daemon.program.errors.next("policy reloaded");
    (await session.bind(two, 0)).close();
    await assertDeniedAt(one);

    await Deno.remove(policy);
    daemon.program.signal("SIGUSR1");
    const line = await daemon.program.errors.next("upgrade abandoned");
    assertStringIncludes(line, policy);
    (await session.bind(two, 0)).close();
    await assertDeniedAt(one);
    const { generation, binds } = await session.status();
    assertEquals([generation, binds], [1, 2]);
  },
);

Deno.test("a policy file without read permission is an error that names it", {
  ignore: ignore || Deno.uid() !== 0,
}, async () => {
  await using open = await placeWithPolicy(policyText());
  const policy = open.join("policy.jsonc");
  await Deno.chmod(policy, 0o600);
  const reason = await assertRefused(open.join("run/control.sock"), {
    args: ["--policy", policy],
    ...await asUnprivileged(open),
  });
  assertStringIncludes(reason, policy);
  assertStringIncludes(reason, "Permission denied");
  assertEquals([...Deno.readDirSync(open.join("run"))], []);
});
