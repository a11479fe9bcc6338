/**
 * Sockets that the service manager passes at the start. They come from its
 * descriptor store, where an earlier process of this service put them, or from a
 * `.socket` unit.
 *
 * @module
 */
import {
  canonicalIdentity,
  type HostAddress,
  type Kind,
} from "../../address.ts";
import { abi } from "../../ffi/libc/abi.ts";
import { Descriptor, setNonblocking } from "../../ffi/files/descriptor.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { sameFile, statusOf } from "../../ffi/files/file.ts";
import {
  type PassedDescriptor,
  passedDescriptors,
} from "../../ffi/systemd/listen_fds.ts";
import type { ServiceManager } from "../../ffi/systemd/service_manager.ts";
import { refuseDescriptors } from "../../ffi/sockets/descriptor_passing.ts";
import {
  boundDevice,
  getOption,
  servingKind,
  socketKind,
} from "../../ffi/sockets/socket.ts";
import {
  type InternetAddress,
  localAddress,
} from "../../ffi/sockets/socket_address.ts";
import { type Bind, type BindTable, newBind } from "../sockets/bind_table.ts";
import { nameOf } from "../sockets/listening_socket.ts";
import { ControlSocket } from "../daemon/control_socket.ts";
import { addressFields } from "../log/address_fields.ts";
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
      const { address, file, name } = bound.family === "unix"
        ? boundPath(kind, bound.path, passed)
        : boundHost(kind, bound, passed);
      // A socket of a .socket unit may be in the store too.
      if (binds.get(canonicalIdentity(address)) !== undefined) {
        descriptor.close();
        continue;
      }
      const socket = { socket: descriptor, file, name };
      // Its options are unknown, so the next bind applies all that it names.
      binds.add(newBind(address, socket, {}));
      log.info("bind restored", {
        ...addressFields(address),
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

/** A bind of this daemon is healed if it does not listen (sockets/heal.ts). */
function kindOf({ fd, name }: PassedDescriptor): Kind {
  const kind = addressOfStoreName(name) === undefined
    ? servingKind(fd)
    : socketKind(fd);
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
  refuseDescriptors(descriptor.fd);
  return new ControlSocket(descriptor, path, file);
}

/** Where a passed socket was bound. */
type BoundAt = Pick<Bind, "address" | "file" | "name">;

/** The path and the file of a bind. The file may have been replaced since. */
function boundPath(
  kind: Kind,
  path: string,
  { name }: PassedDescriptor,
): BoundAt {
  if (kind === "tcp" || kind === "udp" || path === "") {
    throw new TypeError("it has no address");
  }
  const file = bindFileOfStoreName(name);
  return { address: { kind, path }, file, name: undefined };
}

/**
 * The address of a bind: that of its name, in which port 0 stays port 0, or of a
 * socket with another name the address in the kernel.
 */
function boundHost(
  kind: Kind,
  bound: InternetAddress,
  { fd, name }: PassedDescriptor,
): BoundAt {
  if (kind !== "tcp" && kind !== "udp") {
    throw new TypeError("unsupported kind of socket");
  }
  const device = boundDevice(fd);
  const stored = addressOfStoreName(name, device);
  if (stored !== undefined && stored.kind !== kind) {
    throw new TypeError(`it is a ${kind} socket`);
  }
  const address = stored ?? addressInKernel(kind, bound, fd, device);
  const isThere = bound.host === address.host && bound.port !== 0;
  const port = isThere ? bound.port : undefined;
  return { address, file: undefined, name: nameOf(address, fd, port) };
}

function addressInKernel(
  kind: HostAddress["kind"],
  { family, host, port }: InternetAddress,
  fd: number,
  device: string | undefined,
): HostAddress {
  const v6only = family === "ipv4" ||
    getOption(fd, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY) === 1;
  return { kind, host, port, v6only, ...(device !== undefined && { device }) };
}
