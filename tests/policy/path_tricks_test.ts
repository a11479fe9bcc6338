import { assert, assertEquals } from "@std/assert";
import { ErrorCode } from "../../protocol.ts";
import {
  cannotBecomeOthers,
  type OtherUser,
  WEB,
} from "../support/policy/other_user.ts";
import { assertBinds, assertDenied } from "../support/policy/outcome.ts";
import { OBSERVER, PolicyDaemon } from "../support/policy/policy_daemon.ts";

/** A user's directories `own` and `own/deep`, and a directory `outside`. */
class Places {
  readonly own: string;
  readonly outside: string;

  private constructor(readonly server: PolicyDaemon) {
    this.own = server.open.join("own");
    this.outside = server.open.join("outside");
  }

  /** Creates them, and a policy that lets the user bind in `own`. */
  static async in(server: PolicyDaemon): Promise<Places> {
    const places = new Places(server);
    for (const folder of [places.own, places.outside]) await Deno.mkdir(folder);
    await Deno.mkdir(`${places.own}/deep`);
    for (const folder of [places.own, `${places.own}/deep`]) {
      await Deno.chown(folder, WEB.uid, WEB.gid);
    }
    await server.write(
      { name: "own", user: WEB.uid, addresses: [`unix:${places.own}/**`] },
      OBSERVER,
    );
    await server.reread();
    return places;
  }

  /** Asserts that no file was created in `outside`. */
  async assertUntouched(): Promise<void> {
    const found = [...Deno.readDirSync(this.outside)].map(({ name }) => name);
    assertEquals(found, []);
    assertEquals(await this.server.held(), []);
  }
}

/** Asserts an error of the kernel, not of the policy. Returns its code. */
async function assertRefused(
  who: OtherUser,
  path: string,
  code: string,
): Promise<void> {
  const { answer, descriptors } = await who.ask("bind", [{ path }]);
  assertEquals(answer.error?.code, ErrorCode.COULD_NOT_BIND, path);
  assertEquals((answer.error?.data as { code: string }).code, code, path);
  assertEquals(descriptors, []);
}

Deno.test(
  "every spelling of a path in the allowed directory is allowed",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    await using server = await PolicyDaemon.start([OBSERVER]);
    const { own, outside } = await Places.in(server);
    await Deno.symlink(own, `${outside}/back`);
    await Deno.symlink("deep", `${own}/link`);
    await using web = await server.as(WEB);
    const spellings = [
      `${own}/deep/web.sock`,
      `${own}//deep/./web.sock`,
      `${own}/link/web.sock`,
      `${outside}/back/deep/web.sock`,
      `${outside}/../own/deep/../link/web.sock`,
    ];
    const inodes = new Set<string>();
    for (const path of spellings) inodes.add(await assertBinds(web, { path }));
    assertEquals(inodes.size, 1);
    const [held, ...more] = await server.held();
    assertEquals([held?.address, more], [`unix:${own}/deep/web.sock`, []]);
  },
);

Deno.test(
  "links and .. in the directories of a path do not lead out of the allowed directory",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    await using server = await PolicyDaemon.start([OBSERVER]);
    const places = await Places.in(server);
    const { own, outside } = places;
    await Deno.mkdir(`${own}2`);
    await Deno.symlink(outside, `${own}/absolute`);
    await Deno.symlink("../outside", `${own}/relative`);
    await Deno.symlink("deep/../../outside", `${own}/winding`);
    await Deno.symlink("absolute", `${own}/chain`);
    await Deno.symlink("/", `${own}/root`);
    await Deno.symlink("/proc/self/root", `${own}/proc`);
    await using web = await server.as(WEB);
    const ways = [
      outside,
      `${own}/..`,
      `${own}2`,
      `${own}/../outside`,
      `${own}/deep/../../outside`,
      `${own}/./deep/.././../outside`,
      `${own}//..//outside`,
      `${own}/absolute`,
      `${own}/relative`,
      `${own}/winding`,
      `${own}/chain`,
      `${own}/absolute/../outside`,
      `${own}/deep/../absolute`,
      `${own}/root${outside}`,
      `${own}/proc${outside}`,
      `/proc/self/root${outside}`,
      `/proc/${web.pid}/root${outside}`,
      `/proc/${web.pid}/cwd${outside}`,
      `/proc/self/cwd/../../../../../../../..${outside}`,
    ].map((folder) => `${folder}/x`);
    for (const path of ways) {
      await assertDenied(web, "bind", { path });
      await assertDenied(web, "release", { path });
    }
    await places.assertUntouched();
  },
);

Deno.test("a path that cannot be resolved binds nothing", {
  ignore: cannotBecomeOthers,
}, async () => {
  await using server = await PolicyDaemon.start([OBSERVER]);
  const places = await Places.in(server);
  const { own } = places;
  await Deno.symlink("circle", `${own}/circle`);
  await Deno.symlink(`${own}/missing`, `${own}/dangling`);
  await Deno.writeTextFile(`${own}/file`, "");
  await using web = await server.as(WEB);
  await assertRefused(web, `${own}/missing/x`, "ENOENT");
  await assertRefused(web, `${own}/circle/x`, "ELOOP");
  await assertRefused(web, `${own}/dangling/x`, "ENOENT");
  await assertRefused(web, `${own}/file/x`, "ENOTDIR");
  // The answer does not reveal whether the path can be resolved.
  for (const way of ["missing", "circle", "dangling", "file", "deep"]) {
    const path = `${own}/${way}/../../outside/x`;
    await assertDenied(web, "bind", { path });
    await assertDenied(web, "release", { path });
  }
  await places.assertUntouched();
});

Deno.test("a link at the end of a path is neither followed nor replaced", {
  ignore: cannotBecomeOthers,
}, async () => {
  await using server = await PolicyDaemon.start([OBSERVER]);
  const places = await Places.in(server);
  const { own, outside } = places;
  const links: Record<string, string> = {
    dangling: `${outside}/x`,
    relative: "../outside/x",
    directory: outside,
    itself: "itself",
    control: server.sock,
  };
  await using web = await server.as(WEB);
  for (const [name, target] of Object.entries(links)) {
    const path = `${own}/${name}`;
    await Deno.symlink(target, path);
    await assertRefused(web, path, "EADDRINUSE");
    assertEquals(await Deno.readLink(path), target);
  }
  await places.assertUntouched();
  assert((await Deno.lstat(server.sock)).isSocket);
});

Deno.test("only a dead socket is replaced", {
  ignore: cannotBecomeOthers,
}, async () => {
  await using server = await PolicyDaemon.start([OBSERVER]);
  const { own } = await Places.in(server);
  await Deno.writeTextFile(server.open.join("precious"), "precious");
  await Deno.link(server.open.join("precious"), `${own}/file`);
  // A hard link to the control socket is a live socket.
  await Deno.link(server.sock, `${own}/control`);
  await Deno.mkdir(`${own}/folder`);
  await using web = await server.as(WEB);
  for (const name of ["file", "control", "folder"]) {
    await assertRefused(web, `${own}/${name}`, "EADDRINUSE");
  }
  const precious = await Deno.readTextFile(`${own}/file`);
  assertEquals([precious, await server.held()], ["precious", []]);
});

Deno.test(
  "a directory that is moved after a bind gives no access to files elsewhere",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    await using server = await PolicyDaemon.start([OBSERVER]);
    const places = await Places.in(server);
    const { own, outside } = places;
    await using web = await server.as(WEB);
    const path = `${own}/deep/x`;
    await assertBinds(web, { path, mode: "0600" });
    await Deno.rename(`${own}/deep`, `${own}/before`);
    await Deno.symlink(outside, `${own}/deep`);
    await Deno.writeTextFile(`${outside}/x`, "precious");
    for (const method of ["bind", "release"]) {
      await assertDenied(web, method, { path });
    }
    // The requested mode was not applied to the new file either.
    await assertDenied(web, "bind", { path, mode: "0666" });
    assertEquals(await Deno.readTextFile(`${outside}/x`), "precious");
    assertEquals((await Deno.lstat(`${own}/before/x`)).mode! & 0o777, 0o600);

    await Deno.remove(`${own}/deep`);
    await Deno.rename(`${own}/before`, `${own}/deep`);
    const { answer } = await web.ask("release", [{ path }]);
    assertEquals(answer.result, true);
    assertEquals([...Deno.readDirSync(`${own}/deep`)], []);
    await Deno.remove(`${outside}/x`);
    await places.assertUntouched();
  },
);
