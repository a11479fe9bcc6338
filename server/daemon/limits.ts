/** Limits on clients; Infinity is no limit. */
export interface Limits {
  /** Maximum number of connected clients. */
  readonly clients: number;
  /** Maximum number of held sockets. */
  readonly binds: number;
  /** Time in which a client has to complete a request, in ms. */
  readonly requestTimeout: number;
}

/** Limits without options. */
export const DEFAULT_LIMITS: Limits = {
  clients: Infinity,
  binds: Infinity,
  requestTimeout: 30_000,
};
