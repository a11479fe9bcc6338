/**
 * Names of sockets in the service manager's descriptor store. A name must not
 * contain a colon (sd_pid_notify_with_fds(3)).
 *
 * @module
 */
import { hasHost, type HostAddress, hostAddress } from "../../address.ts";
import { type FileIdentity, statusOfDescriptor } from "../../ffi/files/file.ts";
import type { Bind } from "../sockets/bind_table.ts";

/**
 * The name of a bind: its identity, such as `multibinder;tcp;__1;80` for
 * `[::1]:80`. The name of a path contains the identity of its file, so that a
 * replaced file is noticed. The name of an abstract name contains the inode of
 * the socket.
 */
export function storeName(
  { address, socket, file }: Pick<Bind, "address" | "socket" | "file">,
): string {
  const { kind } = address;
  if (!hasHost(address)) {
    return file === undefined
      ? `multibinder;${kind};socket;${statusOfDescriptor(socket.fd).inode}`
      : `multibinder;${kind};file;${fileName(file)}`;
  }
  const { host, port, v6only, device, shard } = address;
  const both = host.includes(":") && !v6only ? ";ipv4" : "";
  const number = shard === undefined ? "" : `;shard;${shard}`;
  const on = device === undefined ? "" : `;on;${device.replaceAll(":", "_")}`;
  return `multibinder;${kind};${
    host.replaceAll(":", "_")
  };${port}${both}${number}${on}`;
}

/**
 * The address in the name of a bind to a host; `undefined` for other names.
 *
 * @param device the socket's network interface: a name does not tell a colon in
 * it from an underscore
 */
export function addressOfStoreName(
  name: string,
  device?: string,
): HostAddress | undefined {
  const parts =
    /^multibinder;(tcp|udp);([0-9a-f._]+);(\d{1,5})(;ipv4)?(?:;shard;(\d{1,2}))?(?:;on;(.+))?$/
      .exec(name);
  if (parts === null) return undefined;
  const [, kind, host = "", port, both, shard, on] = parts;
  const same = device?.replaceAll(":", "_") === on ? device : on;
  return {
    ...hostAddress(
      kind as HostAddress["kind"],
      host.replaceAll("_", ":"),
      Number(port),
    ),
    v6only: both === undefined,
    ...(same !== undefined && { device: same }),
    ...(shard !== undefined && { shard: Number(shard) }),
  };
}

/** Whether a name is that of a bind to a path or an abstract name. */
export function isPathStoreName(name: string): boolean {
  return /^multibinder;(unix|seqpacket|unixgram);/.test(name);
}

/** The file in the name of a bind to a path. */
export function bindFileOfStoreName(name: string): FileIdentity | undefined {
  const parts = /^multibinder;[a-z]+;file;(.+)$/.exec(name);
  return parts === null ? undefined : fileOfName(parts[1]!);
}

/** The name of the control socket. */
export function controlStoreName(file: FileIdentity): string {
  return `multibinder;control;${fileName(file)}`;
}

/** The file in the name of a control socket. */
export function controlFileOfStoreName(name: string): FileIdentity | undefined {
  const parts = /^multibinder;control;(.+)$/.exec(name);
  return parts === null ? undefined : fileOfName(parts[1]!);
}

function fileName({ device, inode }: FileIdentity): string {
  return `${device.replace(":", "_")};${inode}`;
}

function fileOfName(text: string): FileIdentity | undefined {
  const parts = /^(\d+)_(\d+);(\d+)$/.exec(text);
  if (parts === null) return undefined;
  return { device: `${parts[1]}:${parts[2]}`, inode: parts[3]! };
}
