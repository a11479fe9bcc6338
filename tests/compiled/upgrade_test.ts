import { assertEquals, assertMatch } from "@std/assert";
import { bind } from "../../client.ts";
import { VERSION } from "../../version.ts";
import {
  socketOf,
  tcpAddress,
  waitingAt,
} from "../support/binds/listening_socket.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { Scratch } from "../support/tree.ts";
import { linkOrCopy } from "../support/upgrade/copied_daemon.ts";
import {
  Binaries,
  cannotCompile,
  OTHER_VERSION,
} from "../support/compiled/binaries.ts";

const compiling = { ignore: await cannotCompile() };
const binaries = new Binaries();
Deno.test.afterAll(() => binaries[Symbol.asyncDispose]());

/** A folder with the binary in it. */
async function installed(): Promise<Scratch> {
  const scratch = await Scratch.make();
  await linkOrCopy(await binaries.current(), scratch.join("multibinder"));
  return scratch;
}

async function commandLineOf(pid: number): Promise<string[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/cmdline`);
  return text.split("\0").slice(0, -1);
}

/** Ways to start the binary in a folder. */
const STARTS: [how: string, command: (folder: string) => string[]][] = [
  ["by its path", (folder) => [`${folder}/multibinder`]],
  ["by a relative path", (folder) => ["env", "-C", folder, "./multibinder"]],
  ["by its name in PATH", (folder) => [
    ...["env", `PATH=${folder}:/usr/bin:/bin`, "multibinder"],
  ]],
  ["with an unrelated argv[0]", (folder) => [
    ...["bash", "-c", 'exec -a made-up "$0" "$@"', `${folder}/multibinder`],
  ]],
];

for (const [how, command] of STARTS) {
  Deno.test(
    `SIGUSR1 re-executes a binary that was started ${how}`,
    compiling,
    async () => {
      await using folder = await installed();
      const program = [...command(folder.path), "server"];
      await using daemon = await Daemon.start({ program });
      using before = await bind("127.0.0.1", 0, { sock: daemon.sock });
      const commandLine = await commandLineOf(daemon.pid);
      await daemon.reexec();
      await daemon.reexec();
      const { generation, pid, version } = await daemon.status();
      assertEquals({ generation, pid, version }, {
        generation: 3,
        pid: daemon.pid,
        version: VERSION,
      });
      assertEquals(await commandLineOf(daemon.pid), commandLine);
      using after = await bind("127.0.0.1", 0, { sock: daemon.sock });
      assertEquals(socketOf(after), socketOf(before));
      assertEquals((await daemon.stop()).code, 0);
    },
  );
}

/** Ways to put a new version at the path of the old one. */
const REPLACEMENTS: [
  how: string,
  replace: (path: string, other: string) => Promise<void>,
][] = [
  ["renamed over the old one", async (path, other) => {
    await Deno.copyFile(other, `${path}.new`);
    await Deno.rename(`${path}.new`, path);
  }],
  ["copied there after the old one was removed", async (path, other) => {
    await Deno.remove(path);
    await Deno.copyFile(other, path);
  }],
  ["copied there after the old one was renamed", async (path, other) => {
    await Deno.rename(path, `${path}.old`);
    await linkOrCopy(other, path);
  }],
];

for (const [how, replace] of REPLACEMENTS) {
  Deno.test(
    `a new version of the binary, ${how}, keeps the sockets and their accept queues`,
    compiling,
    async () => {
      await using folder = await installed();
      const path = folder.join("multibinder");
      await using daemon = await Daemon.start({ program: [path, "server"] });
      const before = await bind("127.0.0.1", 0, { sock: daemon.sock });
      const socket = socketOf(before);
      using client = await Deno.connect(tcpAddress(before));
      await eventually("a connection waits", () => waitingAt(before) === 1);
      before.close();

      await replace(path, await binaries.other());
      await daemon.reexec();
      const { generation, pid, version } = await daemon.status();
      assertEquals({ generation, pid, version }, {
        generation: 2,
        pid: daemon.pid,
        version: OTHER_VERSION,
      });
      assertEquals(await Deno.readLink(`/proc/${daemon.pid}/exe`), path);

      using after = await bind("127.0.0.1", 0, { sock: daemon.sock });
      assertEquals(socketOf(after), socket);
      using listener = after.listen();
      using accepted = await listener.accept();
      assertEquals(accepted.remoteAddr, client.localAddr);
    },
  );
}

Deno.test(
  "changing the link that started the binary is an upgrade",
  compiling,
  async () => {
    await using folder = await installed();
    await linkOrCopy(await binaries.other(), folder.join("multibinder-new"));
    const link = folder.join("link");
    await Deno.symlink("multibinder", link);
    await using daemon = await Daemon.start({ program: [link, "server"] });
    await daemon.reexec();
    assertEquals((await daemon.status()).version, VERSION);
    for (
      const [target, version] of [
        ["multibinder-new", OTHER_VERSION],
        ["multibinder", VERSION],
      ] as const
    ) {
      await Deno.remove(link);
      await Deno.symlink(target, link);
      await daemon.reexec();
      assertEquals((await daemon.status()).version, version);
    }
    assertEquals((await daemon.status()).pid, daemon.pid);
  },
);

/** Errors at the path of the next version. */
const BROKEN: [
  what: string,
  place: (path: string) => Promise<void>,
  says: RegExp,
][] = [
  ["no file", () => Promise.resolve(), /cannot be started/],
  ["a file that is not a program", async (path) => {
    await Deno.writeTextFile(path, "\0no program\n", { mode: 0o755 });
  }, /cannot be started|exited with status/],
  ["another program", async (path) => {
    await Deno.writeTextFile(path, "#!/bin/sh\necho hello\n", { mode: 0o755 });
  }, /exited without reading the state: hello/],
  ["half of a binary", async (path) => {
    const bytes = await Deno.readFile(await binaries.other());
    await Deno.writeFile(path, bytes.subarray(0, bytes.length / 2), {
      mode: 0o755,
    });
  }, /killed by SIG|exited with status/],
];

for (const [what, place, says] of BROKEN) {
  Deno.test(
    `the old binary keeps serving and logs why when its path has ${what}`,
    compiling,
    async () => {
      await using folder = await installed();
      const path = folder.join("multibinder");
      await using daemon = await Daemon.start({ program: [path, "server"] });
      using before = await bind("127.0.0.1", 0, { sock: daemon.sock });
      await Deno.remove(path);
      await place(path);
      daemon.program.signal("SIGUSR1");
      const reason = await daemon.program.errors.next("upgrade abandoned");
      assertMatch(reason, says);
      const { generation, version } = await daemon.status();
      assertEquals({ generation, version }, {
        generation: 1,
        version: VERSION,
      });

      await Deno.remove(path).catch(() => {});
      await linkOrCopy(await binaries.other(), path);
      await daemon.reexec();
      assertEquals((await daemon.status()).version, OTHER_VERSION);
      using after = await bind("127.0.0.1", 0, { sock: daemon.sock });
      assertEquals(socketOf(after), socketOf(before));
    },
  );
}
