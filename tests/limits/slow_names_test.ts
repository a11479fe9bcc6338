import { assertEquals } from "@std/assert";
import { bindSocket, newSocket } from "../../ffi/socket.ts";
import { ErrorCode } from "../../protocol.ts";
import { Daemon } from "../daemon.ts";
import { lacks } from "../foreign_program.ts";
import { ask, RawConnection, requestText } from "../raw_connection.ts";
import { Scratch } from "../tree.ts";

/** A name server's port that nobody answers on. */
const NAME_SERVER = { family: "ipv4", host: "127.0.0.77", port: 53 } as const;

Deno.test(
  "a request that has to wait for a name server is not late, and nobody waits for it",
  {
    ignore: Deno.uid() !== 0 || await lacks("unshare"),
  },
  async () => {
    await using scratch = await Scratch.make();
    using silent = newSocket(NAME_SERVER, "datagram");
    bindSocket(silent.fd, NAME_SERVER);
    await Deno.writeTextFile(
      scratch.join("resolv.conf"),
      `nameserver ${NAME_SERVER.host}\noptions timeout:1 attempts:2\n`,
    );
    await Deno.writeTextFile(
      scratch.join("nsswitch.conf"),
      "hosts: files dns\n",
    );
    const mounts = ["resolv.conf", "nsswitch.conf"]
      .map((name) => `mount --bind ${scratch.join(name)} /etc/${name}`);
    await using daemon = await Daemon.start({
      sock: scratch.join("control.sock"),
      under: [
        "unshare",
        "--mount",
        "sh",
        "-c",
        `${mounts.join(" && ")} && exec "$@"`,
        "sh",
      ],
      args: ["--request-timeout", "200ms"],
    });
    using connection = RawConnection.open(daemon.sock);
    const params = [{ address: "slow.multibinder.test", port: 0 }];
    await connection.send(requestText(1, "bind", params));
    let answered = false;
    const waiting = connection.answer().finally(() => answered = true);
    for (let count = 0; count < 20; count++) {
      const address = `127.0.0.${count + 1}`;
      const quick = requestText(2, "bind", [{ address, port: 0 }]);
      assertEquals((await ask(daemon.sock, quick)).result, true);
    }
    assertEquals(answered, false);
    const { error } = await waiting;
    assertEquals(error?.code, ErrorCode.COULD_NOT_BIND);
    await connection.send(requestText(3, "status"));
    const { result } = await connection.answer();
    const { refused } = result as { refused: { timeouts: number } };
    assertEquals(refused.timeouts, 0);
  },
);
