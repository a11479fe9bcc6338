import { assert, assertEquals, assertRejects } from "@std/assert";
import { bind, BindError, connect } from "../../client.ts";
import { lacksIpv6, socketOf } from "../support/binds/listening_socket.ts";
import { PATIENCE } from "../support/eventually.ts";
import { tcpBacklog } from "../support/socket_kinds/kernel_options.ts";
import { boundAt } from "../support/socket_kinds/unix_sockets.ts";
import { lacksSystemd } from "../support/systemd/machine.ts";
import { Service } from "../support/systemd/service.ts";

const withSystemd = { ignore: await lacksSystemd() };
const PATIENT = { timeout: PATIENCE };

/** One address of each kind; paths are in `directory`. */
function addresses(directory: string): string[] {
  return [
    "127.0.0.1:0",
    "udp://127.0.0.1:0",
    "udp://[::1]:0",
    "udp://:0",
    `unix:${directory}/web.sock`,
    `unix:@${directory}/web`,
    `seqpacket:${directory}/bus.sock`,
    `seqpacket:@${directory}/bus`,
    `unixgram:${directory}/log.sock`,
    `unixgram:@${directory}/log`,
  ];
}

/** The socket of each address. */
async function socketsOf(
  sock: string,
  asked: readonly string[],
): Promise<Record<string, string>> {
  const sockets: Record<string, string> = {};
  for (const address of asked) {
    using binding = await bind(address, { sock, ...PATIENT });
    sockets[address] = socketOf(binding);
  }
  return sockets;
}

Deno.test({
  name:
    "sockets of every kind and their files survive a re-exec and kill -9, and can be released",
  ignore: withSystemd.ignore || lacksIpv6(),
  fn: async () => {
    await using service = await Service.start();
    const { sock, machine } = service;
    const asked = addresses(machine.shared);
    const before = await socketsOf(sock, asked);
    assertEquals(new Set(Object.values(before)).size, asked.length);
    const files = () =>
      [...Deno.readDirSync(machine.shared)].map(({ name }) => {
        const { ino, mode } = Deno.lstatSync(`${machine.shared}/${name}`);
        return `${name} ${ino} ${mode}`;
      }).toSorted();
    const made = files();
    const stored = `${1 + asked.length}`;
    await service.becomes("NFileDescriptorStore", stored);
    for (let kill = 0; kill < 2; kill++) {
      await service.kill();
      assertEquals(await socketsOf(sock, asked), before);
      assertEquals(files(), made);
      await service.systemctl("reload");
      await service.generation(2);
      assertEquals(await socketsOf(sock, asked), before);
      await service.becomes("NFileDescriptorStore", stored);
    }
    await service.kill();
    using session = await connect({ sock, ...PATIENT });
    const listed = await session.list();
    assertEquals(
      listed.map(({ address }) => address).toSorted(),
      asked.toSorted(),
    );
    for (const address of asked) await session.release(address);
    assertEquals(files().map((each) => each.split(" ")[0]), ["control.sock"]);
    await service.becomes("NFileDescriptorStore", "1");
    await service.kill();
    assertEquals((await service.status()).binds, 0);
  },
});

Deno.test(
  "after kill -9 a stored socket whose file was removed has one again, and a file that has replaced it stays",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock, machine } = service;
    const gone = `${machine.shared}/gone.sock`;
    const taken = `${machine.shared}/taken.sock`;
    const stays = `${machine.shared}/stays.sock`;
    const asked = [`unix:${gone}`, `seqpacket:${taken}`, `unixgram:${stays}`];
    const before = await socketsOf(sock, asked);
    await service.becomes("NFileDescriptorStore", "4");
    await Deno.remove(gone);
    await Deno.remove(taken);
    using other = boundAt(taken, "seqpacket");
    const { ino } = await Deno.lstat(taken);
    await service.kill();
    using session = await connect({ sock, ...PATIENT });
    assertEquals(
      (await session.list()).map(({ address }) => address).toSorted(),
      asked.toSorted(),
    );
    assert((await Deno.lstat(gone)).isSocket);
    await service.becomes("NFileDescriptorStore", "4");
    const log = await machine.journal(service.unit);
    assert(log.includes("socket bound anew"), log);
    assert(log.includes("socket not healed"), log);
    const error = await assertRejects(
      () => session.bind(`seqpacket:${taken}`),
      BindError,
    );
    assertEquals((error.data as { code: string }).code, "EADDRINUSE");
    assertEquals((await Deno.lstat(taken)).ino, ino);
    assert(!other.closed);
    using web = await session.bind(`unix:${gone}`);
    assert(socketOf(web) !== before[`unix:${gone}`]);
    using log2 = await session.bind(`unixgram:${stays}`);
    assertEquals(socketOf(log2), before[`unixgram:${stays}`]);
  },
);

Deno.test(
  "a bind to a UNIX stream path is not taken for the control socket after kill -9",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock, machine } = service;
    const { ino } = await Deno.lstat(sock);
    const asked = Array.from(
      { length: 5 },
      (_, index) => `unix:${machine.shared}/${index}.sock`,
    );
    const before = await socketsOf(sock, asked);
    await service.kill();
    assertEquals(await socketsOf(sock, asked), before);
    assertEquals((await Deno.lstat(sock)).ino, ino);
    const log = await machine.journal(service.unit);
    assert(!log.includes("ignored"), log);
  },
);

Deno.test(
  "a device and v6only are part of a stored socket's address",
  { ignore: withSystemd.ignore || lacksIpv6() },
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    const ask = async () => {
      using session = await connect({ sock, ...PATIENT });
      const sockets: string[] = [];
      for (const kind of ["tcp", "udp"]) {
        for (
          const options of [{}, { device: "lo" }, { v6only: false }] as const
        ) {
          using binding = await session.bind(`${kind}://[::]:0`, options);
          sockets.push(socketOf(binding));
        }
      }
      return sockets;
    };
    const before = await ask();
    assertEquals(new Set(before).size, 6);
    await service.kill();
    assertEquals(await ask(), before);
    assertEquals((await service.status()).binds, 6);
  },
);

Deno.test(
  "a backlog that is asked for after kill -9 takes effect, whatever was asked for before",
  withSystemd,
  async () => {
    await using service = await Service.start();
    const { sock } = service;
    using first = await bind("127.0.0.1:0", { sock, backlog: 9 });
    assertEquals(tcpBacklog(first.fd), 9);
    await service.kill();
    using again = await bind("127.0.0.1:0", {
      sock,
      backlog: 1000,
      ...PATIENT,
    });
    assertEquals(socketOf(again), socketOf(first));
    assertEquals(tcpBacklog(again.fd), 1000);
  },
);
