/**
 * Sockets that the service manager passes at the start: out of its descriptor
 * store, where an earlier process of this service has left them, or of a
 * `.socket` unit.
 *
 * @module
 */
import {
  type Address,
  canonicalIdentity,
  formatAddress,
  type Kind,
} from "../../address.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { Descriptor, setNonblocking } from "../../ffi/files/descriptor.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { type FileIdentity, sameFile, statusOf } from "../../ffi/files/file.ts";
import {
  type PassedDescriptor,
  passedDescriptors,
} from "../../ffi/systemd/listen_fds.ts";
import type { ServiceManager } from "../../ffi/systemd/service_manager.ts";
import {
  boundDevice,
  getOption,
  servingKind,
} from "../../ffi/sockets/socket.ts";
import {
  type InternetAddress,
  localAddress,
} from "../../ffi/sockets/socket_address.ts";
import { type BindTable, newBind } from "../sockets/bind_table.ts";
import { ControlSocket } from "../daemon/control_socket.ts";
import type { Log } from "../log/log.ts";
import {
  addressOfStoreName,
  bindFileOfStoreName,
  controlFileOfStoreName,
  isPathStoreName,
} from "./store_names.ts";

/**
 * Adds the binds that were passed to `binds` and returns the control socket,
 * if it was passed and its path still leads to it. What is of no use is closed
 * and dropped from the store.
 */
export function adoptStoredSockets(
  path: string,
  binds: BindTable,
  log: Log,
  manager: ServiceManager | undefined,
): ControlSocket | undefined {
  let control: ControlSocket | undefined;
  for (const passed of passedDescriptors({ clear: true })) {
    const descriptor = new Descriptor(passed.fd);
    try {
      const kind = kindOf(passed);
      const bound = localAddress(passed.fd);
      if (bound.family === "unix" && isControl(kind, passed)) {
        control = adoptControl(descriptor, bound.path, path, passed.name);
        continue;
      }
      const { address, file } = bound.family === "unix"
        ? boundPath(kind, bound.path, passed)
        : { address: boundAddress(kind, bound, passed), file: undefined };
      // A .socket unit's port comes from there and from the store.
      if (binds.get(canonicalIdentity(address)) !== undefined) {
        descriptor.close();
        continue;
      }
      const socket = { socket: descriptor, ...(file && { file }) };
      // What it was made with is not known: whatever is asked for is applied.
      binds.add(newBind(address, socket, {}));
      log.info("taken back", {
        address: formatAddress(address),
        name: passed.name,
      });
    } catch (error) {
      if (!(error instanceof OsError) && !(error instanceof TypeError)) {
        throw error;
      }
      log.warn("a descriptor that was passed is of no use", {
        name: passed.name,
        reason: error.message,
      });
      manager?.forget(passed.name);
      descriptor.close();
    }
  }
  return control;
}

function kindOf({ fd }: PassedDescriptor): Kind {
  const kind = servingKind(fd);
  if (kind === undefined) throw new TypeError("it does not listen");
  return kind;
}

/** A unit passes one UNIX stream socket, and the store calls the others ours. */
function isControl(kind: Kind, { name }: PassedDescriptor): boolean {
  return kind === "unix" && !isPathStoreName(name);
}

function adoptControl(
  descriptor: Descriptor,
  bound: string,
  path: string,
  name: string,
): ControlSocket {
  if (bound !== path) {
    throw new TypeError(`it listens on ${bound}, not ${path}`);
  }
  const file = controlFileOfStoreName(name);
  if (file !== undefined) {
    const found = statusOf(path);
    if (found === undefined || !sameFile(found, file)) {
      throw new TypeError(`${path} leads to it no more`);
    }
  }
  setNonblocking(descriptor.fd, true);
  return new ControlSocket(descriptor, path, file);
}

/** The path of a bind, if it still leads to the socket. */
function boundPath(
  kind: Kind,
  path: string,
  { name }: PassedDescriptor,
): { address: Address; file: FileIdentity | undefined } {
  if (kind === "tcp" || kind === "udp" || path === "") {
    throw new TypeError("it is bound to nothing");
  }
  const file = bindFileOfStoreName(name);
  if (file !== undefined) {
    const found = statusOf(path);
    if (found === undefined || !sameFile(found, file)) {
      throw new TypeError(`${path} leads to it no more`);
    }
  }
  return { address: { kind, path }, file };
}

/**
 * The identity of a bind: that of the store, where port 0 stays port 0, if the
 * socket agrees, else what the kernel says.
 */
function boundAddress(
  kind: Kind,
  { family, host, port }: InternetAddress,
  { fd, name }: PassedDescriptor,
): Address {
  if (kind !== "tcp" && kind !== "udp") {
    throw new TypeError("it is no socket of that kind");
  }
  const device = boundDevice(fd);
  const on = device === undefined ? {} : { device };
  const stored = addressOfStoreName(name);
  if (stored !== undefined) {
    if (
      stored.kind !== kind || stored.host !== host ||
      (stored.port !== 0 && stored.port !== port)
    ) {
      throw new TypeError(`it is bound to ${host} port ${port}`);
    }
    return { ...stored, ...on };
  }
  const v6only = family === "ipv4" ||
    getOption(fd, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY) === 1;
  return { kind, host, port, v6only, ...on };
}
