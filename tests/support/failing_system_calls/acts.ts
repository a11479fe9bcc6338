/**
 * Requests of clients of a daemon whose calls fail.
 *
 * @module
 */
import type { BindParams } from "../../../protocol.ts";
import { requestText } from "../raw_connection.ts";

/** Requests on one connection, each sent after the answer to the last. */
export interface Act {
  what: string;
  requests: readonly string[];
  /** The path of a dead socket. */
  deadSocket?: string;
}

let count = 0;

function request(method: string, params?: BindParams): string {
  return requestText(++count, method, params && [params]);
}

/** Binds, binds again with other options, lists and releases. */
function lifeOf(
  what: string,
  address: BindParams,
  options: BindParams = {},
  changed: BindParams = {},
): Act {
  return {
    what,
    requests: [
      request("bind", { ...address, ...options }),
      request("bind", { ...address, ...changed }),
      request("list"),
      request("release", address),
    ],
  };
}

/** Acts of every kind and method; paths are in the directory. */
export function actsIn(directory: string): Act[] {
  const path = (name: string) => `${directory}/${name}`;
  const host = "127.0.0.1";
  return [
    lifeOf("a TCP socket", { address: "127.0.0.9", port: 0 }, {
      backlog: 10,
      reuse_port: true,
      recv_buffer: 4096,
      defer_accept: 1,
    }, { backlog: 20, send_buffer: 4096 }),
    lifeOf("a TCP socket of an interface", {
      address: host,
      port: 0,
      device: "lo",
    }),
    lifeOf("an IPv6 socket", { address: "::1", port: 0, v6only: false }),
    lifeOf("a UDP socket", { kind: "udp", address: host, port: 0 }, {
      reuse_port: true,
    }),
    lifeOf(
      "a UNIX socket",
      { path: path("stream") },
      { mode: "0600", owner: 0, group: 0, backlog: 10 },
      { mode: "0640", backlog: 11 },
    ),
    lifeOf("a UNIX socket of somebody by name", { path: path("named") }, {
      owner: "root",
      group: "root",
    }),
    lifeOf("a seqpacket socket", {
      kind: "seqpacket",
      path: path("seqpacket"),
    }),
    lifeOf("a datagram socket", { kind: "unixgram", path: path("datagram") }, {
      mode: "0666",
    }),
    lifeOf("an abstract socket", { path: `@${path("abstract")}` }),
    lifeOf("a name", { address: "localhost", port: 0 }),
    {
      ...lifeOf("the path of a dead socket", { path: path("dead") }),
      deadSocket: path("dead"),
    },
    {
      what: "a batch that is undone",
      requests: [
        `[${[
          request("bind", { address: "127.0.0.8", port: 0 }),
          request("bind", { path: path("undone") }),
          request("bind", { path: "/nowhere/at/all" }),
        ]}]`,
      ],
    },
    {
      what: "a batch that is granted",
      requests: [
        `[${[
          request("bind", { address: "127.0.0.8", port: 0 }),
          request("bind", { kind: "unixgram", path: path("granted") }),
        ]}]`,
      ],
    },
    { what: "its status", requests: [request("status")] },
  ];
}
