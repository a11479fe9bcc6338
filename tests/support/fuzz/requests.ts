/**
 * Requests that a daemon can grant, of every method and kind.
 *
 * @module
 */
import type { BindParams } from "../../../protocol.ts";
import type { Random } from "../bad_clients/malformed_requests.ts";

function octal(random: Random): string {
  return `0${6 + random.below(2)}${random.below(8)}${random.below(8)}`;
}

function internet(random: Random): BindParams {
  const kind = random.of(["tcp", "udp"] as const);
  const params: BindParams = random.of<BindParams>([
    { address: `127.0.0.${1 + random.below(250)}`, port: 0 },
    { address: "::1", port: 0, v6only: random.below(2) === 0 },
    { address: "0:0:0:0:0:0:0:1", port: 0 },
    { address: "localhost", port: 0 },
    { address: `127.77.${random.below(256)}.1`, port: 30_000 },
  ]);
  const options: BindParams[] = [
    { kind },
    { reuse_port: true },
    { free_bind: true },
    { recv_buffer: 1 + random.below(1e6) },
    { send_buffer: 1 + random.below(1e6) },
    { device: "lo" },
    { mark: random.below(100) },
    { backlog: random.below(5000) },
    { defer_accept: random.below(10) },
    { fast_open: random.below(10) },
  ];
  return Object.assign(params, random.of(options), random.of(options));
}

function path(random: Random, directory: string): BindParams {
  const kind = random.of(["unix", "seqpacket", "unixgram"] as const);
  const name = random.of(["a", "b", "c", "ü", "x y", ".", "n".repeat(30)]);
  const path = random.of([
    `${directory}/${name}${random.below(20)}`,
    `${directory}/./${name}${random.below(20)}`,
    `@${directory}/${name}${random.below(20)}`,
  ]);
  const options: BindParams[] = [
    {},
    { backlog: random.below(5000) },
    { mode: octal(random) },
    { owner: Deno.uid() ?? 0, group: Deno.gid() ?? 0 },
    { owner: "root", group: "root" },
    { recv_buffer: 1 + random.below(1e6) },
  ];
  return { kind, path, ...random.of(options) };
}

/** A request. */
interface Request {
  jsonrpc: string;
  id?: string | number | null;
  method: string;
  params?: unknown;
}

function single(random: Random, directory: string): Request {
  const id = random.of([random.below(1e9), `${random.below(1e9)}`, null]);
  const method = random.of([
    "bind",
    "bind",
    "bind",
    "release",
    "list",
    "status",
  ]);
  if (method === "list" || method === "status") {
    return { jsonrpc: "2.0", id, method };
  }
  const params = random.below(2) === 0
    ? internet(random)
    : path(random, directory);
  return { jsonrpc: "2.0", id, method, params: [params] };
}

/** A request or a batch; paths are in the directory. */
export function requestIn(
  directory: string,
  random: Random,
): Request | Request[] {
  if (random.below(6) > 0) return single(random, directory);
  const count = random.of([1, 2, 3, 5, 20]);
  return Array.from({ length: count }, () => single(random, directory));
}
