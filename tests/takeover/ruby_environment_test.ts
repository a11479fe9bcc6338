import { assert, assertEquals } from "@std/assert";
import { bind, connect } from "../../client.ts";
import { lacksIpv6, socketOf } from "../support/binds/listening_socket.ts";
import { daemonCommand } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Program } from "../support/program.ts";
import { Scratch, treePath } from "../support/tree.ts";

const withPython = { ignore: await lacks("python3") };

/** A socket that a Ruby server passes on; see ruby_environment.py. */
interface Left {
  /** The name of the variable after `MULTIBINDER_BIND__tcp__`. */
  variable: string;
  host?: string;
  listen?: boolean;
}

/** A daemon that was started like the program that a Ruby server executes. */
class Successor implements AsyncDisposable {
  private constructor(
    readonly scratch: Scratch,
    readonly program: Program,
    /** Port and inode of each passed socket. */
    readonly left: { port: number; inode: number }[],
  ) {}

  static async start(sockets: Left[]): Promise<Successor> {
    const scratch = await Scratch.make();
    const program = Program.start("python3", {
      args: [
        treePath("tests/support/takeover/ruby_environment.py"),
        JSON.stringify(sockets.map((each) => ({ listen: true, ...each }))),
        ...daemonCommand(scratch.join("control.sock")),
      ],
    });
    const left = JSON.parse(await program.output.next("["));
    const successor = new Successor(scratch, program, left);
    await successor.listening();
    return successor;
  }

  get sock(): string {
    return this.scratch.join("control.sock");
  }

  async listening(): Promise<void> {
    await this.program.output.next("Listening for binds on control socket: ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

Deno.test(
  "binds in the environment of a Ruby server are taken over and survive a re-exec",
  withPython,
  async () => {
    await using daemon = await Successor.start([
      { variable: "127_0.0.1__PORT", host: "127.0.0.1" },
      { variable: "0_0.0.0__PORT", host: "0.0.0.0" },
      { variable: "127_0.0.2__0", host: "127.0.0.2" },
    ]);
    const { sock } = daemon;
    const [one, all, zero] = daemon.left;
    const asked = [
      ["127.0.0.1", one!.port, one!.inode],
      ["0.0.0.0", all!.port, all!.inode],
      ["127.0.0.2", 0, zero!.inode],
    ] as const;
    for (const generation of [1, 2]) {
      using session = await connect({ sock });
      const status = await session.status();
      assertEquals(status.generation, generation);
      assertEquals(status.binds, 3);
      for (const [host, port, inode] of asked) {
        using binding = await bind(host, port, { sock });
        assertEquals(socketOf(binding), `socket:[${inode}]`);
      }
      if (generation === 2) break;
      daemon.program.signal("SIGUSR1");
      await daemon.listening();
    }
    const { errors } = daemon.program;
    assert(!errors.text.includes("ignored"), errors.text);
  },
);

/** Descriptors that do not match their variables. */
const WRONG: [string, Left, RegExp][] = [
  [
    "another address",
    { variable: "127_0.0.1__PORT", host: "127.0.0.2" },
    /bound to another address/,
  ],
  [
    "another port",
    { variable: "127_0.0.1__1", host: "127.0.0.1" },
    /bound to another address/,
  ],
  [
    "a socket that does not listen",
    { variable: "127_0.0.1__PORT", host: "127.0.0.1", listen: false },
    /does not listen/,
  ],
  [
    "a descriptor that is not open",
    { variable: "127_0.0.1__8000" },
    /Bad file descriptor|EBADF/,
  ],
  [
    "a name that is not an address",
    { variable: "nonsense", host: "127.0.0.1" },
    /expected <address>__<port>=<fd>/,
  ],
];

for (const [what, left, reason] of WRONG) {
  Deno.test(
    `${what} in a Ruby server's environment is ignored and logged`,
    withPython,
    async () => {
      await using daemon = await Successor.start([
        left,
        { variable: "127_0.0.3__PORT", host: "127.0.0.3" },
      ]);
      const line = await daemon.program.errors.next("ignored");
      assert(line.includes("MULTIBINDER_BIND__tcp__"), line);
      assert(reason.test(line), line);
      using session = await connect({ sock: daemon.sock });
      assertEquals((await session.status()).binds, 1);
      const right = daemon.left[1]!;
      using web = await session.bind("127.0.0.3", right.port);
      assertEquals(socketOf(web), `socket:[${right.inode}]`);
    },
  );
}

Deno.test({
  name:
    "an IPv6 socket with an IPv4 name in a Ruby server's environment is ignored",
  ignore: withPython.ignore || lacksIpv6(),
  fn: async () => {
    await using daemon = await Successor.start([
      { variable: "127_0.0.1__PORT", host: "::1" },
    ]);
    await daemon.program.errors.next("ignored");
    using session = await connect({ sock: daemon.sock });
    assertEquals((await session.status()).binds, 0);
  },
});
