import type { CallOptions, ConnectOptions, SocketOptions } from "./options.ts";

/** Every name of an interface. */
type Names<Options> = Required<Record<keyof Options, true>>;

const CALL = { timeout: true, signal: true } satisfies Names<CallOptions>;
const SOCKET = {
  backlog: true,
  v6only: true,
  device: true,
  reusePort: true,
  freeBind: true,
  transparent: true,
  deferAccept: true,
  fastOpen: true,
  mark: true,
  recvBuffer: true,
  sendBuffer: true,
  mode: true,
  owner: true,
  group: true,
} satisfies Names<SocketOptions>;

const CONNECT = { sock: true, ...CALL } satisfies Names<ConnectOptions>;

/**
 * Which options each function of the library takes. A session's have no use
 * for `sock`, and are given what its connect was given.
 */
const TAKEN = {
  bind: { ...CONNECT, ...SOCKET },
  bindSync: { sock: true, timeout: true, ...SOCKET },
  bindAll: CONNECT,
  "a socket of bindAll": { address: true, port: true, ...SOCKET },
  connect: CONNECT,
  "session.bind": { ...CONNECT, ...SOCKET },
  "session.bindAll": CONNECT,
  "session.list": CONNECT,
  "session.status": CONNECT,
} satisfies Record<string, Readonly<Record<string, true>>>;

/**
 * Refuses what the daemon would never hear of, or not as it was meant: a name
 * that is no option of `taker`, and a mode that is no permission.
 *
 * @param whose the address that the options are of, where there are several
 *
 * @throws {TypeError} that names it.
 */
export function checkOptions(
  taker: keyof typeof TAKEN,
  options: Pick<SocketOptions, "mode"> & object,
  whose?: string,
): void {
  const wrong = unknownOption(taker, options) ?? wrongMode(options.mode);
  if (wrong === undefined) return;
  throw new TypeError(whose === undefined ? wrong : `${whose}: ${wrong}`);
}

function unknownOption(
  taker: keyof typeof TAKEN,
  options: object,
): string | undefined {
  const taken = TAKEN[taker];
  const unknown = Object.keys(options).find((name) =>
    !Object.hasOwn(taken, name)
  );
  if (unknown === undefined) return undefined;
  return `${taker} has no option ${unknown}; there are ${
    Object.keys(taken).join(", ")
  }`;
}

const ALL_PERMISSIONS = 0o777;

function wrongMode(mode: unknown): string | undefined {
  if (mode === undefined) return undefined;
  if (typeof mode !== "number" || !Number.isInteger(mode) || mode < 0) {
    return `mode ${mode} is no number such as 0o660`;
  }
  if (mode <= ALL_PERMISSIONS) return undefined;
  // The digits of who writes 666 are octal ones.
  const meant = /^[0-7]{3}$/.test(`${mode}`)
    ? `0o${mode}`
    : "one such as 0o660";
  return `mode ${mode} is 0o${mode.toString(8)}: write ${meant}`;
}
