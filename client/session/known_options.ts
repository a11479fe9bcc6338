import {
  type CallOptions,
  type ConnectOptions,
  SOCKET_OPTION_NAMES,
  type SocketOptionName,
  type SocketOptions,
} from "./options.ts";

/** Every name of an interface. */
type Names<Options> = Required<Record<keyof Options, true>>;

const CALL = { timeout: true, signal: true } satisfies Names<CallOptions>;
const SOCKET = Object.fromEntries(
  SOCKET_OPTION_NAMES.values().map((name) => [name, true]),
) as Record<SocketOptionName, true> satisfies Names<SocketOptions>;

const CONNECT = { sock: true, ...CALL } satisfies Names<ConnectOptions>;

/**
 * The options of each function. The methods of a session accept `sock` but
 * ignore it, so that callers can pass the options of `connect`.
 */
const OPTIONS_OF = {
  bind: { ...CONNECT, ...SOCKET },
  bindSync: { sock: true, timeout: true, ...SOCKET },
  bindShards: { ...CONNECT, ...SOCKET },
  bindAll: CONNECT,
  "a socket of bindAll": { address: true, port: true, ...SOCKET },
  connect: CONNECT,
  "session.bind": { ...CONNECT, ...SOCKET },
  "session.bindAll": CONNECT,
  "session.list": CONNECT,
  "session.status": CONNECT,
} satisfies Record<string, Readonly<Record<string, true>>>;

/**
 * Refuses unknown options of `caller`, which would have no effect, and invalid
 * modes.
 *
 * @param address the address of these options, if there are several
 *
 * @throws {TypeError} that names the option.
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
  // `mode: 666` was probably meant as 0o666.
  const meant = /^[0-7]{3}$/.test(`${mode}`)
    ? `0o${mode}`
    : "a number such as 0o660";
  return `invalid mode ${mode} (0o${mode.toString(8)}): write ${meant}`;
}
