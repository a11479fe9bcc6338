/** How much clients may ask of the daemon. */
export interface Limits {
  /** Connected at the same time. */
  readonly clients: number;
  /** Sockets held at the same time. */
  readonly binds: number;
  /** How long a request may be on its way, in ms. */
  readonly requestTimeout: number;
}

/** As many as there are descriptors; 30 s for a request. */
export const DEFAULT_LIMITS: Limits = {
  clients: Infinity,
  binds: Infinity,
  requestTimeout: 30_000,
};
