/**
 * Sockets that the service manager passes at the start: out of its descriptor
 * store, where an earlier process of this service has left them, or of a
 * `.socket` unit.
 *
 * @module
 */
import { formatAddress, type HostAddress } from "../address.ts";
import { abi } from "../ffi/abi.ts";
import { Descriptor, setNonblocking } from "../ffi/descriptor.ts";
import { OsError } from "../ffi/errno.ts";
import { sameFile, statusOf } from "../ffi/file.ts";
import { type PassedDescriptor, passedDescriptors } from "../ffi/listen_fds.ts";
import { getOption, isListening } from "../ffi/socket.ts";
import { localAddress, type SocketAddress } from "../ffi/socket_address.ts";
import { DEFAULT_BACKLOG } from "../protocol.ts";
import { type BindTable, newBind } from "./bind_table.ts";
import { ControlSocket } from "./control_socket.ts";
import type { Log } from "./log.ts";
import { addressOfStoreName, controlFileOfStoreName } from "./store_names.ts";
import type { ServiceManager } from "../ffi/service_manager.ts";

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
      const address = listeningAddress(passed);
      if (address.family === "unix") {
        control = adoptControl(descriptor, address.path, path, passed.name);
      } else {
        const bind = boundAddress(address, passed);
        // A .socket unit's port comes from there and from the store.
        if (binds.get(bind) !== undefined) {
          descriptor.close();
          continue;
        }
        binds.add(newBind(bind, descriptor, DEFAULT_BACKLOG));
        log.info("taken back", {
          address: formatAddress(bind),
          name: passed.name,
        });
      }
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

function listeningAddress({ fd }: PassedDescriptor): SocketAddress {
  if (!isListening(fd)) throw new TypeError("it does not listen");
  return localAddress(fd);
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

/**
 * The identity of a bind: that of the store, where port 0 stays port 0, if the
 * socket agrees, else what the kernel says.
 */
function boundAddress(
  address: Exclude<SocketAddress, { family: "unix" }>,
  { fd, name }: PassedDescriptor,
): HostAddress {
  const { host, port } = address;
  const stored = addressOfStoreName(name);
  if (stored !== undefined) {
    if (stored.host !== host || (stored.port !== 0 && stored.port !== port)) {
      throw new TypeError(`it is bound to ${host} port ${port}`);
    }
    return stored;
  }
  const v6only = address.family === "ipv4" ||
    getOption(fd, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY) === 1;
  return { kind: "tcp", host, port, v6only };
}
