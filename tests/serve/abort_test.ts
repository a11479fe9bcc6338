import { assertEquals } from "@std/assert";
import { Binding } from "../../client.ts";
import { hostAddress } from "../../address.ts";
import { boundSocket } from "../../server/sockets/listening_socket.ts";
import { listeningTcp } from "../support/serve/sockets.ts";

/** Opens files until one has this number or a higher one. */
async function occupy(fd: number): Promise<Deno.FsFile[]> {
  const files: Deno.FsFile[] = [];
  const isTaken = async () => {
    try {
      return await Deno.readLink(`/proc/self/fd/${fd}`) === "/dev/null";
    } catch {
      return false;
    }
  };
  while (files.length < 64 && !await isTaken()) {
    files.push(await Deno.open("/dev/null"));
  }
  return files;
}

/** The descriptors of this socket. */
async function descriptorsOf(inode: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc/self/fd")) {
    try {
      if (await Deno.readLink(`/proc/self/fd/${name}`) === inode) {
        found.push(Number(name));
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found;
}

Deno.test("shutdown after an abort does not touch descriptors of others", async () => {
  const address = hostAddress("tcp", "127.0.0.1", 0);
  const { socket } = boundSocket(address, { backlog: 16 }, {});
  using web = Binding.from(socket.release());
  const stop = new AbortController();
  const inode = await Deno.readLink(`/proc/self/fd/${web.fd}`);
  const server = web.serve(() => new Response("hello"), {
    signal: stop.signal,
  });
  const [listener] = (await descriptorsOf(inode)).filter((fd) => fd !== web.fd);
  stop.abort();
  await server.finished;
  const files = await occupy(listener!);
  assertEquals(await Deno.readLink(`/proc/self/fd/${listener}`), "/dev/null");
  await server.shutdown();
  assertEquals(await Deno.readLink(`/proc/self/fd/${listener}`), "/dev/null");
  for (const file of files) file.close();
});

Deno.test("two servers that shut down together, and the end of each aborts the signal of the other: no uncaught error", async () => {
  const sockets = [listeningTcp(), listeningTcp()];
  const stops = [new AbortController(), new AbortController()];
  const servers = sockets.map((socket, index) =>
    socket.serve(() => new Response("hello"), { signal: stops[index]!.signal })
  );
  const ends = servers.map(({ finished }, index) =>
    finished.then(() => stops[1 - index]!.abort())
  );
  await Promise.all(servers.map((server) => server.shutdown()));
  await Promise.all(ends);
  assertEquals(stops.map(({ signal }) => signal.aborted), [true, true]);
  for (const socket of sockets) socket.close();
});
