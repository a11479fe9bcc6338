/**
 * Opens the C library with the narrowest permission granted, and declares every
 * function that the program calls.
 *
 * @module
 */
import { abi, abiOf, UnsupportedPlatformError } from "./abi.ts";

// A pointer is declared "usize" (native memory, see memory.ts) or "buffer"
// (a Uint8Array that the call reads or writes before it returns): pointer
// objects are refused under a scoped grant.
const SYMBOLS = {
  // socket(2) and its relatives
  socket: {
    parameters: ["i32", /* domain */ "i32", /* type */ "i32" /* protocol */],
    result: "i32",
  },
  socketpair: {
    parameters: [
      "i32", /* domain */
      "i32", /* type */
      "i32", /* protocol */
      "buffer", /* sv */
    ],
    result: "i32",
  },
  bind: {
    parameters: ["i32", /* sockfd */ "buffer", /* addr */ "u32" /* addrlen */],
    result: "i32",
  },
  listen: {
    parameters: ["i32", /* sockfd */ "i32" /* backlog */],
    result: "i32",
  },
  accept4: {
    parameters: [
      "i32", /* sockfd */
      "usize", /* addr */
      "usize", /* addrlen */
      "i32", /* flags */
    ],
    result: "i32",
  },
  connect: {
    parameters: ["i32", /* sockfd */ "buffer", /* addr */ "u32" /* addrlen */],
    result: "i32",
  },
  getsockname: {
    parameters: [
      "i32", /* sockfd */
      "buffer", /* addr */
      "buffer", /* addrlen */
    ],
    result: "i32",
  },
  getpeername: {
    parameters: [
      "i32", /* sockfd */
      "buffer", /* addr */
      "buffer", /* addrlen */
    ],
    result: "i32",
  },
  getsockopt: {
    parameters: [
      "i32", /* sockfd */
      "i32", /* level */
      "i32", /* optname */
      "buffer", /* optval */
      "buffer", /* optlen */
    ],
    result: "i32",
  },
  setsockopt: {
    parameters: [
      "i32", /* sockfd */
      "i32", /* level */
      "i32", /* optname */
      "buffer", /* optval */
      "u32", /* optlen */
    ],
    result: "i32",
  },
  shutdown: {
    parameters: ["i32", /* sockfd */ "i32" /* how */],
    result: "i32",
  },
  recv: {
    parameters: [
      "i32", /* sockfd */
      "buffer", /* buf */
      "usize", /* len */
      "i32", /* flags */
    ],
    result: "isize",
  },
  send: {
    parameters: [
      "i32", /* sockfd */
      "buffer", /* buf */
      "usize", /* len */
      "i32", /* flags */
    ],
    result: "isize",
  },
  sendmsg: {
    parameters: ["i32", /* sockfd */ "usize", /* msg */ "i32" /* flags */],
    result: "isize",
  },
  recvmsg: {
    parameters: ["i32", /* sockfd */ "usize", /* msg */ "i32" /* flags */],
    result: "isize",
  },

  // Descriptors and files
  close: { parameters: ["i32" /* fd */], result: "i32" },
  // close_range(3) came with glibc 2.34.
  syscall3: {
    name: "syscall",
    parameters: [
      "i64", /* number */
      "i64", /* first argument */
      "i64", /* second argument */
      "i64", /* third argument */
    ],
    result: "i64",
  },
  fcntl: {
    parameters: ["i32", /* fd */ "i32", /* op */ "i32" /* arg */],
    result: "i32",
  },
  pipe2: {
    parameters: ["buffer", /* pipefd */ "i32" /* flags */],
    result: "i32",
  },
  dup3: {
    parameters: ["i32", /* oldfd */ "i32", /* newfd */ "i32" /* flags */],
    result: "i32",
  },
  ioctl: {
    parameters: ["i32", /* fd */ "usize", /* op */ "buffer" /* argp */],
    result: "i32",
  },
  faccessat: {
    parameters: [
      "i32", /* dirfd */
      "buffer", /* pathname */
      "i32", /* mode */
      "i32", /* flags */
    ],
    result: "i32",
  },
  open: {
    parameters: ["buffer", /* pathname */ "i32", /* flags */ "u32" /* mode */],
    result: "i32",
  },
  read: {
    parameters: ["i32", /* fd */ "buffer", /* buf */ "usize" /* count */],
    result: "isize",
  },
  write: {
    parameters: ["i32", /* fd */ "buffer", /* buf */ "usize" /* count */],
    result: "isize",
  },
  pread: {
    parameters: [
      "i32", /* fd */
      "buffer", /* buf */
      "usize", /* count */
      "i64", /* offset */
    ],
    result: "isize",
  },
  lseek: {
    parameters: ["i32", /* fd */ "i64", /* offset */ "i32" /* whence */],
    result: "i64",
  },
  readlink: {
    parameters: [
      "buffer", /* pathname */
      "buffer", /* buf */
      "usize", /* bufsiz */
    ],
    result: "isize",
  },
  getgroups: {
    parameters: ["i32", /* size */ "buffer" /* list */],
    result: "i32",
  },
  setfsuid: { parameters: ["u32" /* fsuid */], result: "i32" },
  setfsgid: { parameters: ["u32" /* fsgid */], result: "i32" },
  realpath: {
    parameters: ["buffer", /* path */ "buffer" /* resolved_path */],
    result: "usize",
  },
  chmod: {
    parameters: ["buffer", /* path */ "u32" /* mode */],
    result: "i32",
  },
  fchownat: {
    parameters: [
      "i32", /* dirfd */
      "buffer", /* path */
      "u32", /* owner */
      "u32", /* group */
      "i32", /* flags */
    ],
    result: "i32",
  },
  rename: {
    parameters: ["buffer", /* oldpath */ "buffer" /* newpath */],
    result: "i32",
  },
  unlink: { parameters: ["buffer" /* pathname */], result: "i32" },
  chdir: { parameters: ["buffer" /* path */], result: "i32" },
  umask: { parameters: ["u32" /* mask */], result: "u32" },
  flock: { parameters: ["i32", /* fd */ "i32" /* operation */], result: "i32" },
  statx: {
    parameters: [
      "i32", /* dirfd */
      "buffer", /* pathname */
      "i32", /* flags */
      "u32", /* mask */
      "buffer", /* statxbuf */
    ],
    result: "i32",
  },
  fstatfs: { parameters: ["i32", /* fd */ "buffer" /* buf */], result: "i32" },
  getdents64: {
    parameters: ["i32", /* fd */ "buffer", /* dirp */ "usize" /* count */],
    result: "isize",
  },
  memfd_create: {
    parameters: ["buffer", /* name */ "u32" /* flags */],
    result: "i32",
  },

  // Waiting. A call on another thread loses errno.
  poll: {
    parameters: ["usize", /* fds */ "usize", /* nfds */ "i32" /* timeout ms */],
    result: "i32",
  },
  epoll_create1: { parameters: ["i32" /* flags */], result: "i32" },
  epoll_ctl: {
    parameters: [
      "i32", /* epfd */
      "i32", /* op */
      "i32", /* fd */
      "buffer", /* event */
    ],
    result: "i32",
  },
  epoll_wait: {
    parameters: [
      "i32", /* epfd */
      "buffer", /* events */
      "i32", /* maxevents */
      "i32", /* timeout ms */
    ],
    result: "i32",
  },
  epoll_wait_on_thread: {
    name: "epoll_wait",
    parameters: [
      "i32", /* epfd */
      "usize", /* events */
      "i32", /* maxevents */
      "i32", /* timeout ms */
    ],
    result: "i32",
    nonblocking: true,
  },
  eventfd: {
    parameters: ["u32", /* initval */ "i32" /* flags */],
    result: "i32",
  },

  // The process
  getpid: { parameters: [], result: "i32" },
  getuid: { parameters: [], result: "u32" },
  execve: {
    parameters: [
      "buffer", /* pathname */
      "usize", /* argv */
      "usize", /* envp */
    ],
    result: "i32",
  },
  execv: {
    parameters: ["buffer", /* pathname */ "usize" /* argv */],
    result: "i32",
  },
  posix_spawn: {
    parameters: [
      "buffer", /* pid */
      "buffer", /* path */
      "usize", /* file_actions */
      "usize", /* attrp */
      "usize", /* argv */
      "usize", /* envp */
    ],
    result: "i32",
  },
  posix_spawn_file_actions_init: {
    parameters: ["usize" /* file_actions */],
    result: "i32",
  },
  posix_spawn_file_actions_destroy: {
    parameters: ["usize" /* file_actions */],
    result: "i32",
  },
  posix_spawn_file_actions_adddup2: {
    parameters: ["usize", /* file_actions */ "i32", /* fd */ "i32" /* newfd */],
    result: "i32",
  },
  posix_spawn_file_actions_addclose: {
    parameters: ["usize", /* file_actions */ "i32" /* fd */],
    result: "i32",
  },
  posix_spawn_file_actions_addopen: {
    parameters: [
      "usize", /* file_actions */
      "i32", /* fd */
      "buffer", /* path */
      "i32", /* oflag */
      "u32", /* mode */
    ],
    result: "i32",
  },
  posix_spawn_file_actions_addchdir_np: {
    parameters: ["usize", /* file_actions */ "buffer" /* path */],
    result: "i32",
  },
  posix_spawnattr_init: { parameters: ["usize" /* attr */], result: "i32" },
  posix_spawnattr_destroy: { parameters: ["usize" /* attr */], result: "i32" },
  posix_spawnattr_setflags: {
    parameters: ["usize", /* attr */ "i16" /* flags */],
    result: "i32",
  },
  posix_spawnattr_setsigmask: {
    parameters: ["usize", /* attr */ "buffer" /* sigmask */],
    result: "i32",
  },
  posix_spawnattr_setsigdefault: {
    parameters: ["usize", /* attr */ "buffer" /* sigdefault */],
    result: "i32",
  },
  waitpid: {
    parameters: ["i32", /* pid */ "buffer", /* wstatus */ "i32" /* options */],
    result: "i32",
  },
  waitid: {
    parameters: [
      "i32", /* idtype */
      "u32", /* id */
      "buffer", /* infop */
      "i32", /* options */
    ],
    result: "i32",
  },
  waitid_on_thread: {
    name: "waitid",
    parameters: [
      "i32", /* idtype */
      "u32", /* id */
      "usize", /* infop */
      "i32", /* options */
    ],
    result: "i32",
    nonblocking: true,
  },
  prctl: {
    parameters: [
      "i32", /* op */
      "u64", /* arg2 */
      "u64", /* arg3 */
      "u64", /* arg4 */
      "u64", /* arg5 */
    ],
    result: "i32",
  },
  kill: { parameters: ["i32", /* pid */ "i32" /* sig */], result: "i32" },
  getauxval: { parameters: ["u64" /* type */], result: "u64" },
  getenv: { parameters: ["buffer" /* name */], result: "usize" },
  setenv: {
    parameters: [
      "buffer",
      /* name */ "buffer",
      /* value */ "i32", /* overwrite */
    ],
    result: "i32",
  },
  unsetenv: { parameters: ["buffer" /* name */], result: "i32" },
  pthread_sigmask: {
    parameters: ["i32", /* how */ "buffer", /* set */ "buffer" /* oldset */],
    result: "i32",
  },
  sigfillset: { parameters: ["buffer" /* set */], result: "i32" },
  sigaction: {
    parameters: ["i32", /* signum */ "buffer", /* act */ "buffer" /* oldact */],
    result: "i32",
  },
  signalfd: {
    parameters: ["i32", /* fd */ "buffer", /* mask */ "i32" /* flags */],
    result: "i32",
  },
  getrlimit: {
    parameters: ["i32", /* resource */ "buffer" /* rlim */],
    result: "i32",
  },
  setrlimit: {
    parameters: ["i32", /* resource */ "buffer" /* rlim */],
    result: "i32",
  },
  clock_gettime: {
    parameters: ["i32", /* clockid */ "buffer" /* tp */],
    result: "i32",
  },

  // Names and addresses
  inet_pton: {
    parameters: ["i32", /* af */ "buffer", /* src */ "buffer" /* dst */],
    result: "i32",
  },
  inet_ntop: {
    parameters: [
      "i32", /* af */
      "buffer", /* src */
      "buffer", /* dst */
      "u32", /* size */
    ],
    result: "usize",
  },
  getaddrinfo: {
    parameters: [
      "usize", /* node */
      "usize", /* service */
      "usize", /* hints */
      "usize", /* res */
    ],
    result: "i32",
    nonblocking: true,
  },
  freeaddrinfo: { parameters: ["usize" /* res */], result: "void" },
  gai_strerror: { parameters: ["i32" /* errcode */], result: "usize" },

  // Users and groups. The result is the error's number, on any thread.
  getpwnam_r: {
    parameters: [
      "usize", /* name */
      "usize", /* pwd */
      "usize", /* buffer */
      "usize", /* bufsize */
      "usize", /* result */
    ],
    result: "i32",
  },
  getpwnam_r_on_thread: {
    name: "getpwnam_r",
    parameters: [
      "usize", /* name */
      "usize", /* pwd */
      "usize", /* buffer */
      "usize", /* bufsize */
      "usize", /* result */
    ],
    result: "i32",
    nonblocking: true,
  },
  getpwuid_r: {
    parameters: [
      "u32", /* uid */
      "usize", /* pwd */
      "usize", /* buffer */
      "usize", /* bufsize */
      "usize", /* result */
    ],
    result: "i32",
  },
  getgrnam_r: {
    parameters: [
      "usize", /* name */
      "usize", /* grp */
      "usize", /* buffer */
      "usize", /* bufsize */
      "usize", /* result */
    ],
    result: "i32",
  },
  getgrnam_r_on_thread: {
    name: "getgrnam_r",
    parameters: [
      "usize", /* name */
      "usize", /* grp */
      "usize", /* buffer */
      "usize", /* bufsize */
      "usize", /* result */
    ],
    result: "i32",
    nonblocking: true,
  },
  getgrouplist: {
    parameters: [
      "buffer", /* user */
      "u32", /* group */
      "buffer", /* groups */
      "buffer", /* ngroups */
    ],
    result: "i32",
  },

  // Native memory
  malloc: { parameters: ["usize" /* size */], result: "usize" },
  free: { parameters: ["usize" /* ptr */], result: "void" },
  memcpy_in: {
    name: "memcpy",
    parameters: ["usize", /* dest */ "buffer", /* src */ "usize" /* n */],
    result: "usize",
  },
  memcpy_out: {
    name: "memcpy",
    parameters: ["buffer", /* dest */ "usize", /* src */ "usize" /* n */],
    result: "usize",
  },
  strlen: { parameters: ["usize" /* s */], result: "usize" },
  strerror: { parameters: ["i32" /* errnum */], result: "usize" },
  __errno_location: { parameters: [], result: "usize" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The declared functions of the C library. */
export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/**
 * This program has no permission to open the C library. The message names the
 * flag, such as `--allow-ffi=/lib/x86_64-linux-gnu/libc.so.6`. The first call
 * that needs the C library throws it (dlopen(3)).
 *
 * @example
 * ```ts no-eval
 * import { bind, MissingPermissionError } from "jsr:@multibinder/client";
 *
 * try {
 *   using web = await bind("127.0.0.1", 8000);
 * } catch (error) {
 *   if (error instanceof MissingPermissionError) console.error(error.message);
 * }
 * ```
 */
export class MissingPermissionError extends Error {
  /** `MissingPermissionError`. */
  override readonly name = "MissingPermissionError";
}

function grantedLibrary(): string {
  for (const path of abi.libc) {
    const scoped = Deno.permissions.querySync({ name: "ffi", path });
    if (scoped.state === "granted" && existsFor(path)) return path;
  }
  if (Deno.permissions.querySync({ name: "ffi" }).state === "granted") {
    return "libc.so.6";
  }
  throw new MissingPermissionError(
    `the C library may not be opened: run again with --allow-ffi=${
      abi.libc[0]
    }`,
  );
}

// A plain --allow-ffi covers every candidate path, also one that does not
// exist. Without --allow-read only dlopen can check that; opening a library
// again is cheap.
function existsFor(path: string): boolean {
  try {
    Deno.dlopen(path, {}).close();
    return true;
  } catch {
    return false;
  }
}

/**
 * Opens every function at once: a function that is opened between a failing
 * call and the read of errno would change errno.
 */
function open(): Libc {
  abiOf(Deno.build.os, Deno.build.arch);
  const path = grantedLibrary();
  try {
    // A copy, because Deno makes functions that return promises read-only, and
    // tests replace them.
    return { ...Deno.dlopen(path, SYMBOLS).symbols };
  } catch (cause) {
    throw new UnsupportedPlatformError(
      `cannot use ${path}: glibc 2.30 or later is needed: ${
        cause instanceof Error ? cause.message : cause
      }`,
      { cause },
    );
  }
}

let opened: Libc | undefined;

/**
 * The C library, opened at the first call.
 *
 * @throws {MissingPermissionError} naming the flag to add.
 * @throws {UnsupportedPlatformError} on another platform, and where the library
 * lacks one of the functions.
 */
export function libc(): Libc {
  return opened ??= open();
}

/** environ(7) and program_invocation_name(3). */
const VARIABLES = {
  environ: { type: "usize" },
  program_invocation_name: { type: "usize" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Addresses in variables of the C library. */
export interface LibcVariables {
  /** The array of the environment's strings. */
  readonly environ: bigint;
  /** The string argv[0]. */
  readonly program_invocation_name: bigint;
}

/** The variables now: Deno reads a variable when it opens a library. */
export function libcVariables(): LibcVariables {
  const library = Deno.dlopen(grantedLibrary(), VARIABLES);
  const { environ, program_invocation_name } = library.symbols;
  library.close();
  return { environ, program_invocation_name };
}
