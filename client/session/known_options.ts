import type { CallOptions, ConnectOptions, SocketOptions } from "./options.ts";

/** Every key of an interface. */
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
 * The options of each function of the library. The functions of a session do
 * not use `sock`, but accept it, so that a caller can pass the same object as to
 * `connect`.
 */
const OPTIONS_OF = {
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
 * Checks that `caller` has these options and that `mode` is valid.
 *
 * @param address the address that the options are for, if there are several
 *
 * @throws {TypeError} that names the invalid option.
 */
export function checkOptions(
  caller: keyof typeof OPTIONS_OF,
  options: Pick<SocketOptions, "mode"> & object,
  address?: string,
): void {
  const problem = unknownOption(caller, options) ?? invalidMode(options.mode);
  if (problem === undefined) return;
  throw new TypeError(
    address === undefined ? problem : `${address}: ${problem}`,
  );
}

function unknownOption(
  caller: keyof typeof OPTIONS_OF,
  options: object,
): string | undefined {
  const known = OPTIONS_OF[caller];
  const unknown = Object.keys(options).find((name) =>
    !Object.hasOwn(known, name)
  );
  if (unknown === undefined) return undefined;
  return `${caller} has no option ${unknown}: expected one of ${
    Object.keys(known).join(", ")
  }`;
}

const ALL_PERMISSIONS = 0o777;

function invalidMode(mode: unknown): string | undefined {
  if (mode === undefined) return undefined;
  if (typeof mode !== "number" || !Number.isInteger(mode) || mode < 0) {
    return `invalid mode ${mode}: expected a number such as 0o660`;
  }
  if (mode <= ALL_PERMISSIONS) return undefined;
  // A caller that writes 666 means 0o666.
  const meant = /^[0-7]{3}$/.test(`${mode}`)
    ? `0o${mode}`
    : "a number such as 0o660";
  return `invalid mode ${mode} (0o${mode.toString(8)}): write ${meant}`;
}
