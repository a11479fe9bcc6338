import { createSocket, type Socket } from "node:dgram";
import { assertEquals } from "@std/assert";
import { ErrorCode } from "../../protocol.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { loopbackHost } from "../support/loopback.ts";
import { ask, RawConnection, requestText } from "../support/raw_connection.ts";
import { Scratch } from "../support/tree.ts";

/** The request timeout, in ms. */
const TIMEOUT = 200;

/** A name server that knows no name and answers only when it is told to. */
class NameServer implements Disposable {
  readonly host: string = loopbackHost();
  readonly #socket: Socket = createSocket("udp4");
  readonly #questions: [question: Uint8Array, port: number][] = [];
  #answers = false;

  static async start(): Promise<NameServer> {
    const server = new NameServer();
    const listening = Promise.withResolvers<void>();
    server.#socket.on("message", (question, { port }) => {
      server.#questions.push([question, port]);
      if (server.#answers) server.answer();
    });
    server.#socket.bind(53, server.host, () => listening.resolve());
    await listening.promise;
    return server;
  }

  /** Answers pending queries, and later ones at once. */
  answer(): void {
    this.#answers = true;
    for (const [question, port] of this.#questions.splice(0)) {
      const answer = Uint8Array.from(question);
      // A response with recursion available and NXDOMAIN (RFC 1035, 4.1.1).
      answer.set([0x81, 0x83], 2);
      this.#socket.send(answer, port, "127.0.0.1");
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

Deno.test(
  "a request that waits for a name server neither times out nor delays other clients",
  {
    ignore: Deno.uid() !== 0 || await lacks("unshare"),
  },
  async () => {
    await using scratch = await Scratch.make();
    using names = await NameServer.start();
    await Deno.writeTextFile(
      scratch.join("resolv.conf"),
      `nameserver ${names.host}\noptions timeout:30 attempts:5\n`,
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
      args: ["--request-timeout", `${TIMEOUT}ms`],
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
    await new Promise((resolve) => setTimeout(resolve, 2 * TIMEOUT));
    assertEquals(answered, false);
    names.answer();
    const { error } = await waiting;
    assertEquals(error?.code, ErrorCode.COULD_NOT_BIND);
    await connection.send(requestText(3, "status"));
    const { result } = await connection.answer();
    const { refused } = result as { refused: { timeouts: number } };
    assertEquals(refused.timeouts, 0);
  },
);
