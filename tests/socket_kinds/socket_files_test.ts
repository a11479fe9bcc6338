import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode, type ErrorData } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";
import {
  asUnprivileged,
  OpenScratch,
  unprivileged,
} from "../support/unprivileged.ts";
import { PATH_KINDS } from "../support/socket_kinds/places.ts";
import {
  granted,
  rawBind,
  rawList,
  refused,
} from "../support/socket_kinds/raw_bind.ts";

const isRoot = Deno.uid() === 0;

for (const kind of PATH_KINDS) {
  for (const umask of ["000", "022", "077", "777"]) {
    Deno.test(`the default mode of a socket file is 0660: ${kind}, umask ${umask}`, async () => {
      await using scratch = await Scratch.make();
      const sock = scratch.join("control.sock");
      const under = ["sh", "-c", `umask ${umask}; exec "$@"`, "sh"];
      await using daemon = await Daemon.start({ sock, under });
      using connection = RawConnection.open(daemon.sock);
      const path = scratch.join("web.sock");
      await granted(connection, { kind, path });
      const { mode, uid, gid, isSocket } = await Deno.lstat(path);
      assertEquals([mode! & 0o7777, isSocket], [0o660, true]);
      assertEquals([uid, gid], [Deno.uid(), Deno.gid()]);
      assertEquals((await Deno.lstat(sock)).mode! & 0o7777, 0o600);
    });
  }

  Deno.test(`a socket file has the requested mode: ${kind}`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    for (const mode of ["0600", "600", "0777", "0000", "0222", "0007"]) {
      const path = scratch.join(`${mode}.sock`);
      await granted(connection, { kind, path, mode });
      const found = (await Deno.lstat(path)).mode! & 0o7777;
      assertEquals(found, parseInt(mode, 8));
      const listed = (await rawList(connection)).at(-1);
      assertEquals(listed?.options.mode, mode);
    }
  });

  Deno.test(
    `a socket file has the requested owner and group: ${kind}`,
    {
      ignore: !isRoot,
    },
    async () => {
      await using scratch = await Scratch.make();
      await using daemon = await Daemon.start();
      using connection = RawConnection.open(daemon.sock);
      const cases = [
        [{ owner: 12345 }, [12345, 0, 0o660]],
        [{ group: 23456 }, [0, 23456, 0o660]],
        [{ owner: "12345", group: "0" }, [12345, 0, 0o660]],
        [{ owner: 12345, group: 23456, mode: "0600" }, [12345, 23456, 0o600]],
        [{ owner: 0, group: 0 }, [0, 0, 0o660]],
        [{ owner: 4294967294 }, [4294967294, 0, 0o660]],
      ] as const;
      for (const [index, [options, expected]] of cases.entries()) {
        const path = scratch.join(`${index}.sock`);
        await granted(connection, { kind, path, ...options });
        const { uid, gid, mode } = await Deno.lstat(path);
        assertEquals([uid, gid, mode! & 0o7777], [...expected]);
      }
    },
  );
}

Deno.test("owner and group may be names", {
  ignore: !isRoot || await lacks("getent"),
}, async () => {
  await using scratch = await Scratch.make();
  await using daemon = await Daemon.start();
  using connection = RawConnection.open(daemon.sock);
  const path = scratch.join("web.sock");
  await granted(connection, { path, owner: "daemon", group: "daemon" });
  const { uid, gid } = await Deno.lstat(path);
  assertEquals([uid, gid], await Promise.all([id("passwd"), id("group")]));
});

async function id(database: "passwd" | "group"): Promise<number> {
  const { stdout } = await new Deno.Command("getent", {
    args: [database, "daemon"],
  }).output();
  return Number(new TextDecoder().decode(stdout).split(":")[2]);
}

for (const option of ["owner", "group"]) {
  Deno.test(`an unknown ${option} is -32602 and leaves no file`, async () => {
    await using scratch = await Scratch.make();
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const path = scratch.join("web.sock");
    const params = { path, [option]: "no-such-account" };
    const error = await refused(connection, params);
    assertEquals(error.code, ErrorCode.INVALID_PARAMS);
    assertStringIncludes(error.message, option);
    assertStringIncludes(error.message, "no-such-account");
    assertEquals([...Deno.readDirSync(scratch.path)], []);
  });
}

Deno.test(
  "an owner without permission for chown(2) is EPERM and leaves no file",
  {
    ignore: await lacks(...unprivileged.slice(0, 1)),
  },
  async () => {
    await using open = await OpenScratch.make();
    await Deno.mkdir(open.join("run"));
    await Deno.chmod(open.join("run"), 0o777);
    await using daemon = await Daemon.start({
      sock: open.join("run/control.sock"),
      ...await asUnprivileged(open),
    });
    using connection = RawConnection.open(daemon.sock);
    const path = open.join("run/web.sock");
    for (const options of [{ owner: 0 }, { group: 0 }]) {
      const { answer } = await rawBind(connection, { path, ...options });
      assertEquals(answer.error?.code, ErrorCode.COULD_NOT_BIND);
      assertEquals((answer.error?.data as ErrorData).code, "EPERM");
    }
    assertEquals(
      [...Deno.readDirSync(open.join("run"))].map(({ name }) => name),
      ["control.sock"],
    );
    assertEquals(await rawList(connection), []);
  },
);

Deno.test(
  "only users with write permission for the file can connect",
  {
    ignore: !isRoot || await lacks("setpriv", "python3"),
  },
  async () => {
    await using scratch = await Scratch.make();
    await Deno.chmod(scratch.path, 0o755);
    await using daemon = await Daemon.start();
    using connection = RawConnection.open(daemon.sock);
    const script =
      "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])";
    const connects = async (path: string) => {
      const nobody = ["--reuid=65534", "--regid=65533", "--clear-groups"];
      const { code, stderr } = await new Deno.Command("setpriv", {
        args: [...nobody, "/usr/bin/env", "python3", "-c", script, path],
        stderr: "piped",
      }).output();
      const errors = new TextDecoder().decode(stderr);
      assert(code === 0 || errors.includes("PermissionError"), errors);
      return code === 0;
    };
    for (
      const [options, expected] of [
        [{}, false],
        [{ group: 65533 }, true],
        [{ owner: 65534, mode: "0200" }, true],
        [{ mode: "0662" }, true],
        [{ owner: 65534, mode: "0066" }, false],
      ] as const
    ) {
      const path = scratch.join(`${JSON.stringify(options)}.sock`);
      await granted(connection, { path, ...options });
      assertEquals(await connects(path), expected, JSON.stringify(options));
    }
  },
);
