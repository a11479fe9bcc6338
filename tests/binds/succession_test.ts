import { assertEquals } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { Program } from "../support/program.ts";
import { treePath } from "../support/tree.ts";
import { tcpAddress, waitingAt } from "../support/binds/listening_socket.ts";

/** Starts a service that sends its name to every connection. */
async function startService(sock: string, name: string): Promise<Program> {
  const script = treePath("tests/support/binds/answering_service.ts");
  const service = Program.start(Deno.execPath(), {
    args: ["run", "-A", script, sock, "127.0.0.1", "0", name],
  });
  await service.output.next("serving");
  return service;
}

async function answerOf(connection: Deno.Conn): Promise<string> {
  return await new Response(connection.readable).text();
}

Deno.test("any process that holds the socket can accept a connection", async () => {
  await using daemon = await Daemon.start();
  await using _service = await startService(daemon.sock, "one");
  using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  const connection = await Deno.connect(tcpAddress(web));
  assertEquals(await answerOf(connection), "one");
});

Deno.test("a connection waits until a later process gets the socket and accepts", async () => {
  await using daemon = await Daemon.start();
  const first = await bind("127.0.0.1", 0, { sock: daemon.sock });
  const address = tcpAddress(first);
  first.close();
  const connection = await Deno.connect(address);
  await using _service = await startService(daemon.sock, "one");
  assertEquals(await answerOf(connection), "one");
});

Deno.test("after a service is killed, the next one accepts waiting connections", async () => {
  await using daemon = await Daemon.start();
  using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  const one = await startService(daemon.sock, "one");
  const served = await Deno.connect(tcpAddress(web));
  assertEquals(await answerOf(served), "one");
  one.signal("SIGKILL");
  await one.end();
  const waiting = await Deno.connect(tcpAddress(web));
  await eventually("1 that waits", () => waitingAt(web) === 1);
  await using _two = await startService(daemon.sock, "two");
  assertEquals(await answerOf(waiting), "two");
});
