/**
 * Sockets that the service manager passes at the start. They come from its
 * descriptor store, where an earlier process of this service put them, or from a
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
 * Adds the passed binds to `binds`. Unusable descriptors are closed and removed
 * from the store.
 *
 * @returns the control socket, if it was passed and is still at its path
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
      // A socket of a .socket unit may be in the store too.
      if (binds.get(canonicalIdentity(address)) !== undefined) {
        descriptor.close();
        continue;
      }
      const socket = { socket: descriptor, ...(file && { file }) };
      // Its options are unknown, so the next bind applies all that it names.
      binds.add(newBind(address, socket, {}));
      log.info("bind restored", {
        address: formatAddress(address),
        name: passed.name,
      });
    } catch (error) {
      if (!(error instanceof OsError) && !(error instanceof TypeError)) {
        throw error;
      }
      log.warn("passed descriptor ignored", {
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

/**
 * Whether it is the control socket: a unit passes one UNIX stream socket, and
 * binds have names of this daemon.
 */
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
      throw new TypeError(`the file at ${path} was replaced`);
    }
  }
  setNonblocking(descriptor.fd, true);
  return new ControlSocket(descriptor, path, file);
}

/** The path and the file of a bind, if the file is still at its path. */
function boundPath(
  kind: Kind,
  path: string,
  { name }: PassedDescriptor,
): { address: Address; file: FileIdentity | undefined } {
  if (kind === "tcp" || kind === "udp" || path === "") {
    throw new TypeError("it has no address");
  }
  const file = bindFileOfStoreName(name);
  if (file !== undefined) {
    const found = statusOf(path);
    if (found === undefined || !sameFile(found, file)) {
      throw new TypeError(`the file at ${path} was replaced`);
    }
  }
  return { address: { kind, path }, file };
}

/**
 * The address of a bind: that of its name, in which port 0 stays port 0, or of a
 * socket with another name the address in the kernel.
 */
function boundAddress(
  kind: Kind,
  { family, host, port }: InternetAddress,
  { fd, name }: PassedDescriptor,
): Address {
  if (kind !== "tcp" && kind !== "udp") {
    throw new TypeError("unsupported kind of socket");
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
