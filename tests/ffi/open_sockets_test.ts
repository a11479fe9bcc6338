import { assertEquals } from "@std/assert";
import { socketInode } from "../../ffi/sockets/accept_queue.ts";
import { openSocketsAt } from "../../ffi/sockets/open_sockets.ts";
import { bindSocket, listenOn, newSocket } from "../../ffi/sockets/socket.ts";
import { localAddress } from "../../ffi/sockets/socket_address.ts";

for (const kind of ["tcp", "udp"] as const) {
  Deno.test(`the open ${kind} sockets of a port are found by inode, as long as they are open`, () => {
    const type = kind === "tcp" ? "stream" : "datagram";
    using socket = newSocket({ family: "ipv4" }, type);
    const address = { family: "ipv4", host: "127.0.0.1", port: 0 } as const;
    bindSocket(socket.fd, address);
    if (kind === "tcp") listenOn(socket.fd, 1);
    const bound = localAddress(socket.fd);
    const port = bound.family === "unix" ? 0 : bound.port;
    const inode = socketInode(socket.fd);
    assertEquals(openSocketsAt(kind, "ipv4", port)?.has(inode), true);
    assertEquals(openSocketsAt(kind, "ipv6", port)?.has(inode), false);
    socket.close();
    assertEquals(openSocketsAt(kind, "ipv4", port)?.has(inode), false);
  });
}
