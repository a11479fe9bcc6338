import { assert, assertEquals, assertMatch } from "@std/assert";
import { acceptedConnections } from "../../client/binding/graceful_shutdown.ts";
import { waitReady } from "../../ffi/files/readiness.ts";
import {
  receive,
  send,
  streamSocket,
  tryConnect,
} from "../../ffi/sockets/socket.ts";
import { eventually, PATIENCE } from "../support/eventually.ts";
import { listeningTcp } from "../support/serve/sockets.ts";

const REQUEST = new TextEncoder().encode(
  "GET / HTTP/1.1\r\nHost: test\r\n\r\n",
);

for (const busy of [200, 1_200]) {
  Deno.test(`a request that arrives while the program is busy for ${busy} ms after shutdown() is answered`, async () => {
    using web = listeningTcp();
    const server = web.serve(() => new Response("hello"), {
      onListen: () => {},
    });
    const { port } = web.addr as Deno.NetAddr;
    const address = { family: "ipv4", host: "127.0.0.1", port } as const;
    using client = streamSocket(address);
    assertEquals(tryConnect(client.fd, address), 0);
    await eventually(
      "the connection is accepted",
      () => acceptedConnections(web.addr).length === 1,
    );
    const shutdown = server.shutdown();
    send(client.fd, REQUEST);
    const begin = performance.now();
    while (performance.now() - begin < busy);
    await shutdown;
    assert(await waitReady(client.fd, "read", PATIENCE));
    const answer = new Uint8Array(4096);
    const length = receive(client.fd, answer);
    const text = new TextDecoder().decode(answer.subarray(0, length));
    assertMatch(text, /^HTTP\/1.1 200 OK/);
  });
}
