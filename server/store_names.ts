/**
 * What sockets are called in the service manager's descriptor store.
 *
 * @module
 */
import { type HostAddress, hostAddress } from "../address.ts";
import type { FileIdentity } from "../ffi/file.ts";

/**
 * The name of a bind in the descriptor store: its identity without a colon,
 * which systemd allows in no name (`tcp;__1;80` is `[::1]:80`).
 */
export function storeName(address: HostAddress): string {
  const { kind, host, port, v6only } = address;
  const both = host.includes(":") && !v6only ? ";ipv4" : "";
  return `multibinder;${kind};${host.replaceAll(":", "_")};${port}${both}`;
}

/** The bind that a name in the descriptor store stands for, if it is ours. */
export function addressOfStoreName(name: string): HostAddress | undefined {
  const parts = /^multibinder;tcp;([0-9a-f._]+);(\d{1,5})(;ipv4)?$/.exec(name);
  if (parts === null) return undefined;
  const [, host = "", port, both] = parts;
  return {
    ...hostAddress("tcp", host.replaceAll("_", ":"), Number(port)),
    v6only: both === undefined,
  };
}

/**
 * The name of the control socket in the descriptor store. It carries the file
 * at the path, so that a path that leads elsewhere by now is noticed.
 */
export function controlStoreName({ device, inode }: FileIdentity): string {
  return `multibinder;control;${device.replace(":", "_")};${inode}`;
}

/** The file that such a name carries, if it is one. */
export function controlFileOfStoreName(name: string): FileIdentity | undefined {
  const parts = /^multibinder;control;(\d+)_(\d+);(\d+)$/.exec(name);
  if (parts === null) return undefined;
  return { device: `${parts[1]}:${parts[2]}`, inode: parts[3]! };
}
