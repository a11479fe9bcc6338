import { descriptorLimit, userId } from "../../ffi/processes/process.ts";

/** Limits on clients; Infinity is no limit. */
export interface Limits {
  /** Maximum number of connected clients. */
  readonly clients: number;
  /** Maximum number of connected clients of one user. */
  readonly clientsPerUser: number;
  /** Users without that limit. */
  readonly unlimitedUsers: ReadonlySet<number>;
  /** Maximum number of held sockets. */
  readonly binds: number;
  /** Time in which a client has to complete a request, in ms. */
  readonly requestTimeout: number;
}

/** The default maximum of clients of one user. */
const CLIENTS_PER_USER = 1_000;

/**
 * The limit of clients of one user. The default does not apply to root and to the
 * user of the daemon, which can stop the daemon in other ways.
 */
export function userLimit(
  given: number | undefined,
  clients: number,
): Pick<Limits, "clientsPerUser" | "unlimitedUsers"> {
  if (given !== undefined) {
    return { clientsPerUser: given, unlimitedUsers: new Set() };
  }
  const most = Math.min(
    CLIENTS_PER_USER,
    Math.floor(clients / 2),
    descriptorLimit().soft >> 2,
  );
  return {
    clientsPerUser: Math.max(1, most),
    unlimitedUsers: new Set([0, userId()]),
  };
}
