/**
 * Binds that a Ruby multibinder passes in its environment when it executes this
 * program: `MULTIBINDER_BIND__tcp__127_0.0.1__80=7`. The first dot of the address
 * is replaced by an underscore.
 *
 * @module
 */
import { formatAddress, type HostAddress, hostAddress } from "../../address.ts";
import { Descriptor, setCloseOnExec } from "../../ffi/files/descriptor.ts";
import { OsError } from "../../ffi/libc/errno.ts";
import { initialEnvironment } from "../../ffi/processes/process.ts";
import { isListening } from "../../ffi/sockets/socket.ts";
import {
  canonicalHost,
  localAddress,
} from "../../ffi/sockets/socket_address.ts";
import { type BindTable, newBind } from "../sockets/bind_table.ts";
import { nameOf } from "../sockets/listening_socket.ts";
import type { Log } from "../log/log.ts";

/** Prefix of the variables. */
export const RUBY_PREFIX = "MULTIBINDER_BIND__tcp__";

/** Adds the binds of a Ruby server. Variables that do not fit are ignored. */
export function adoptRubyBinds(binds: BindTable, log: Log): void {
  for (const entry of initialEnvironment()) {
    if (!entry.startsWith(RUBY_PREFIX)) continue;
    try {
      const { address, fd } = readEntry(entry);
      const socket = new Descriptor(fd);
      const name = nameOf(address, fd, undefined);
      binds.add(newBind(address, { socket, name }, {}));
      log.info("bind taken over", {
        address: formatAddress(address),
        from: entry,
      });
    } catch (error) {
      if (!(error instanceof OsError) && !(error instanceof TypeError)) {
        throw error;
      }
      log.warn("environment variable ignored", {
        variable: entry,
        reason: error.message,
      });
    }
  }
}

/** The address and the descriptor of a variable, if the socket has that address. */
function readEntry(entry: string): { address: HostAddress; fd: number } {
  const parts = /__tcp__(.+)__(\d{1,5})=(\d+)$/.exec(entry);
  if (parts === null) throw new TypeError("expected <address>__<port>=<fd>");
  const fd = Number(parts[3]);
  const host = canonicalHost(parts[1]!.replace("_", "."))?.host;
  const port = Number(parts[2]);
  if (!isListening(fd)) throw new TypeError(`descriptor ${fd} does not listen`);
  const bound = localAddress(fd);
  if (
    bound.family === "unix" || bound.host !== host ||
    (port !== 0 && bound.port !== port)
  ) {
    throw new TypeError(`descriptor ${fd} is bound to another address`);
  }
  setCloseOnExec(fd, true);
  return { address: hostAddress("tcp", host, port), fd };
}
