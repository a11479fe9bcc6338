/**
 * Turns errno into an exception with the name of the failed call.
 *
 * @module
 */
import { textAt } from "./c_string.ts";
import { libc } from "./libc.ts";

// asm-generic/errno.h, the same on x86_64 and aarch64: the first is 1, "-" is
// a number without a name.
const NAMES = `
  EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN
  ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR
  EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE
  EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG
  EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE
  EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR
  ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT
  EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX
  ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE
  EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP
  EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH
  ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN
  ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY
  EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT
  ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED
  EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON
`.trim().split(/\s+/);

/** The name of an errno, `"EADDRINUSE"` for 98; `"E<number>"` without one. */
export function errnoName(errno: number): string {
  const name = NAMES[errno - 1];
  return name === undefined || name === "-" ? `E${errno}` : name;
}

/**
 * A call of the C library failed. `errno` is the number of the error, `code` its
 * name (errno(3)), `syscall` the function. The man page of the function, such as
 * bind(2), lists its errors.
 *
 * @example
 * ```ts
 * import { OsError } from "jsr:@multibinder/client";
 *
 * const error = new OsError("bind", 98, "127.0.0.1:80");
 * console.log(error.code, error.message);
 * // EADDRINUSE bind 127.0.0.1:80: Address already in use (EADDRINUSE)
 * ```
 */
export class OsError extends Error {
  /** `OsError`. */
  override readonly name = "OsError";
  /** The number, as in errno(3). */
  readonly errno: number;
  /** The name of the number, such as `EADDRINUSE`. */
  readonly code: string;
  /** The function that failed, such as `bind`. */
  readonly syscall: string;

  /** Describes the failure of `syscall` on `subject` (a path, an address). */
  constructor(syscall: string, errno: number, subject = "") {
    const code = errnoName(errno);
    const what = subject === "" ? syscall : `${syscall} ${subject}`;
    super(`${what}: ${textAt(libc().strerror(errno))} (${code})`);
    this.errno = errno;
    this.code = code;
    this.syscall = syscall;
  }
}

const value = new Int32Array(1);
const valueBytes = new Uint8Array(value.buffer);
let location: bigint | undefined;

/**
 * The calling thread's errno. Deno runs all JavaScript of a realm on one
 * thread; a call on another thread does not set this errno.
 */
export function lastErrno(): number {
  location ??= libc().__errno_location();
  libc().memcpy_out(valueBytes, location, 4n);
  return value[0]!;
}

/**
 * Returns the result of a call that returns -1 on failure.
 *
 * @throws {OsError} with the call's errno.
 */
export function check(
  result: number | bigint,
  syscall: string,
  subject?: string,
): number {
  const number = Number(result);
  if (number === -1) throw new OsError(syscall, lastErrno(), subject);
  return number;
}

/**
 * Makes a call that does not wait, again if a signal interrupts it. Returns its
 * result, or -1 if it would have to wait (EAGAIN).
 *
 * @throws {OsError} for any other error.
 */
export function withoutWaiting(
  syscall: string,
  call: () => number | bigint,
): number {
  while (true) {
    const result = Number(call());
    if (result !== -1) return result;
    const errno = lastErrno();
    if (errno === Errno.EAGAIN) return -1;
    if (errno !== Errno.EINTR) throw new OsError(syscall, errno);
  }
}

/** errno(3) numbers that callers compare with. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  ENOEXEC: 8,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  ENOTDIR: 20,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ESPIPE: 29,
  EPIPE: 32,
  EPROTOTYPE: 91,
  ENOPROTOOPT: 92,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ETOOMANYREFS: 109,
  ECONNREFUSED: 111,
  EINPROGRESS: 115,
} as const;
