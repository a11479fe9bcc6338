import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { localAddress } from "../../ffi/sockets/socket_address.ts";
import { acceptConnection } from "../../ffi/sockets/socket.ts";
import { Descriptor, setNonblocking } from "../../ffi/files/descriptor.ts";
import { waitReady } from "../../ffi/files/readiness.ts";
import { Daemon } from "../support/daemon.ts";
import { PATIENCE } from "../support/eventually.ts";
import { lacks } from "../support/foreign_program.ts";
import { damage } from "../support/holders/acts.ts";
import { OwnPort } from "../support/loopback.ts";
import { Program } from "../support/program.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { granted, rawList, refused } from "../support/socket_kinds/raw_bind.ts";
import { assertAlive } from "../support/soak/sockets.ts";
import { treePath } from "../support/tree.ts";

const withPython = { ignore: await lacks("python3") };
const under = ["python3", treePath("tests/support/programs/without_ipv6.py")];

for (const kind of ["tcp", "udp"] as const) {
  Deno.test(
    `:PORT is 0.0.0.0:PORT where IPv6 is switched off, and the log says so: ${kind}`,
    withPython,
    async () => {
      await using daemon = await Daemon.start({ under });
      using port = OwnPort.take();
      using connection = RawConnection.open(daemon.sock);
      const params = { kind, address: "::", port: port.number, v6only: false };
      const fd = await granted(connection, params);
      const bound = { family: "ipv4", host: "0.0.0.0", port: port.number };
      assertEquals(localAddress(fd), bound as ReturnType<typeof localAddress>);
      await assertAlive(kind, fd);
      const line = await daemon.program.errors.next("IPv6 is switched off");
      assertStringIncludes(
        line,
        `bound=${kind === "udp" ? "udp://" : ""}0.0.0.0`,
      );
      const [listed] = await rawList(connection);
      assert(listed?.address.endsWith(`:${port.number}`), listed?.address);
      assert(
        listed?.bound?.endsWith(`0.0.0.0:${port.number}`),
        listed?.bound,
      );
      // The same socket, also for the next generation and after a holder's act.
      await daemon.reexec();
      const again = await granted(connection, { ...params, free_bind: true });
      assertEquals(localAddress(again), localAddress(fd));
      await damage(daemon.sock, params, { name: "shut down" });
      const healed = await granted(connection, params);
      assertEquals(
        localAddress(healed),
        bound as ReturnType<typeof localAddress>,
      );
      await assertAlive(kind, healed);
      assertEquals((await rawList(connection)).length, 1);
    },
  );
}

Deno.test(
  "another IPv6 address is refused with EAFNOSUPPORT where IPv6 is switched off",
  withPython,
  async () => {
    await using daemon = await Daemon.start({ under });
    using connection = RawConnection.open(daemon.sock);
    for (
      const params of [{ address: "::1", port: 0 }, { address: "::", port: 0 }]
    ) {
      const { data } = await refused(connection, params);
      assertEquals((data as { code: string }).code, "EAFNOSUPPORT");
    }
  },
);

Deno.test(
  ":PORT of a daemon that is restarted without IPv6 takes over the socket",
  withPython,
  async () => {
    await using old = await Daemon.start({ under });
    const { sock } = old;
    const params = { address: "::", port: 0, v6only: false };
    using first = RawConnection.open(sock);
    const before = localAddress(await granted(first, params));
    await using _daemon = await Daemon.start({
      sock,
      under,
      args: ["--takeover"],
    });
    await old.stop();
    using connection = RawConnection.open(sock);
    const fd = await granted(connection, params);
    assertEquals(localAddress(fd), before);
    await assertAlive("tcp", fd);
    assertEquals((await rawList(connection)).length, 1);
  },
);

Deno.test(
  ":PORT serves IPv4 in a network namespace in which IPv6 is disabled",
  {
    ignore: Deno.uid() !== 0 || await lacks("unshare", "nsenter", "bash") ||
      await lacksIp(),
  },
  async () => {
    const prepare =
      'ip link set lo up && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec "$@"';
    await using daemon = await Daemon.start({
      under: ["unshare", "--net", "sh", "-c", prepare, "sh"],
    });
    using connection = RawConnection.open(daemon.sock);
    const params = { address: "::", port: 8000, v6only: false };
    const fd = await granted(connection, params);
    await using client = Program.start("nsenter", {
      args: [
        `--net=/proc/${daemon.pid}/ns/net`,
        "bash",
        "-c",
        "exec 3<>/dev/tcp/127.0.0.1/8000",
      ],
    });
    assertEquals((await client.end()).code, 0);
    setNonblocking(fd, true);
    assert(await waitReady(fd, "read", PATIENCE));
    using accepted = new Descriptor(acceptConnection(fd));
    assert(accepted.fd !== -1);
  },
);

async function lacksIp(): Promise<boolean> {
  const { success } = await new Deno.Command("ip", { args: ["-V"] }).output()
    .catch(() => ({ success: false }));
  return !success;
}
