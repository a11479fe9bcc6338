import { assertEquals } from "@std/assert";
import { leaveDeadSocket } from "../support/control_socket/dead_socket.ts";
import type { RuleText } from "../support/policy/asking.ts";
import {
  cannotBecomeOthers,
  type OtherUser,
  type User,
  WEB,
} from "../support/policy/other_user.ts";
import { assertBinds } from "../support/policy/outcome.ts";
import { OBSERVER, PolicyDaemon } from "../support/policy/policy_daemon.ts";

/** A directory that only root may search, with files of every kind in it. */
class Secret {
  readonly path: string;

  private constructor(readonly server: PolicyDaemon) {
    this.path = server.open.join("secret");
  }

  static async in(server: PolicyDaemon): Promise<Secret> {
    const secret = new Secret(server);
    const { path } = secret;
    await Deno.mkdir(`${path}/directory`, { recursive: true });
    await Deno.writeTextFile(`${path}/file`, "");
    await Deno.symlink("/", `${path}/link`);
    await Deno.symlink("nowhere", `${path}/dangling`);
    leaveDeadSocket(`${path}/dead`);
    await Deno.chmod(path, 0o700);
    await Deno.symlink(path, server.open.join("shortcut"));
    return secret;
  }
}

/** Whether they exist differs. */
const NAMES: readonly string[] = [
  "missing",
  "file",
  "directory",
  "link",
  "dangling",
  "dead",
  "missing/x",
  "file/x",
  "directory/x",
  "link/x",
  "directory/../file",
  "missing/../file",
];

const KINDS: readonly string[] = ["unix", "seqpacket", "unixgram"];

/** Without the path that the client has sent. */
async function errorOf(
  user: OtherUser,
  method: string,
  kind: string,
  path: string,
): Promise<unknown> {
  const { answer, descriptors } = await user.ask(method, [{ kind, path }]);
  assertEquals(descriptors, []);
  const { code, message, data } = answer.error ?? {};
  return {
    code,
    data,
    message: message?.replaceAll(path, "PATH").split(" ")[0],
  };
}

const RULES: readonly (readonly [string, RuleText])[] = [
  ["every path", { user: WEB.uid }],
  ["no path", { user: WEB.uid, methods: ["status"] }],
];

for (const [allowed, rule] of RULES) {
  for (const method of ["bind", "release"]) {
    Deno.test(
      `a ${method} of a client that may bind ${allowed} does not reveal whether a file exists`,
      {
        ignore: cannotBecomeOthers,
      },
      async () => {
        await using server = await PolicyDaemon.start([rule, OBSERVER]);
        const { path: secret } = await Secret.in(server);
        await using user = await server.as(WEB);
        for (const directory of [secret, server.open.join("shortcut")]) {
          for (const kind of KINDS) {
            const expected = await errorOf(
              user,
              method,
              kind,
              `${directory}/missing`,
            );
            for (const name of NAMES) {
              const path = `${directory}/${name}`;
              const error = await errorOf(user, method, kind, path);
              assertEquals(error, expected, `${kind} ${path}`);
            }
          }
        }
        const found = [...Deno.readDirSync(secret)].map(({ name }) => name);
        assertEquals(found.toSorted(), [
          "dangling",
          "dead",
          "directory",
          "file",
          "link",
        ]);
      },
    );
  }
}

Deno.test(
  "a client binds in a directory that its supplementary group may search",
  {
    ignore: cannotBecomeOthers,
  },
  async () => {
    const group = 1777;
    const member: User = { ...WEB, groups: [group] };
    await using server = await PolicyDaemon.start([
      { user: WEB.uid },
      OBSERVER,
    ]);
    const directory = server.open.join("group");
    await Deno.mkdir(directory);
    await Deno.chown(directory, 0, group);
    await Deno.chmod(directory, 0o710);
    await using user = await server.as(member);
    await assertBinds(user, { path: `${directory}/s` });
    await using other = await server.as(WEB);
    // The socket is held: no name has to be looked up.
    await assertBinds(other, { path: `${directory}/s` });
    const { answer } = await other.ask("bind", [{ path: `${directory}/t` }]);
    const { errno } = answer.error?.data as { errno: number };
    assertEquals(errno, 13);
  },
);
