/**
 * Every function in ffi/libc/libc.ts: how it reports an error, and the errors that
 * are possible in a daemon.
 *
 * @module
 */

/** How a function reports an error. */
export type Failing =
  /** -1 and errno. */
  | "-1"
  /** The same as a bigint. */
  | "-1n"
  /** NULL and errno. */
  | "NULL"
  /** The errno itself. */
  | "errno"
  /** An errno, or an EAI_* number, through a promise. */
  | "promise of errno"
  /** -1 through a promise; errno stays on another thread. */
  | "promise of -1";

/** An error: a name of errno(3) or of getaddrinfo(3). */
export type Reason = keyof typeof NUMBERS;

/** A function that the daemon calls and that can fail. */
export interface FailingSymbol {
  readonly failing: Failing;
  readonly reasons: readonly Reason[];
  /** Whether it takes effect despite the error: close(2) frees the number. */
  readonly happens?: boolean;
}

/** The numbers of asm-generic/errno.h, and of netdb.h for EAI_*. */
export const NUMBERS = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ETXTBSY: 26,
  ENOSPC: 28,
  EROFS: 30,
  EPIPE: 32,
  ERANGE: 34,
  ENOLCK: 37,
  ENOSYS: 38,
  ELOOP: 40,
  EPROTO: 71,
  EPROTOTYPE: 91,
  ENOPROTOOPT: 92,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ETOOMANYREFS: 109,
  ECONNREFUSED: 111,
  EAI_NONAME: -2,
  EAI_AGAIN: -3,
  EAI_FAIL: -4,
  EAI_MEMORY: -10,
  EAI_SYSTEM: -11,
} as const;

/** Functions that the daemon calls and that can fail. */
export const FAILING: Readonly<Record<string, FailingSymbol>> = {
  socket: {
    failing: "-1",
    reasons: [
      "EMFILE",
      "ENFILE",
      "ENOBUFS",
      "ENOMEM",
      "EACCES",
      "EAFNOSUPPORT",
    ],
  },
  socketpair: { failing: "-1", reasons: ["EMFILE", "ENFILE"] },
  bind: {
    failing: "-1",
    reasons: ["EADDRINUSE", "EADDRNOTAVAIL", "EACCES", "ENOMEM", "EROFS"],
  },
  listen: { failing: "-1", reasons: ["EADDRINUSE", "ENOMEM"] },
  accept4: {
    failing: "-1",
    reasons: [
      "EMFILE",
      "ENFILE",
      "ENOBUFS",
      "ENOMEM",
      "ECONNABORTED",
      "EINTR",
      "EAGAIN",
      "EPERM",
      "EPROTO",
    ],
  },
  connect: {
    failing: "-1",
    reasons: ["ECONNREFUSED", "EAGAIN", "EACCES", "ENOENT", "EINTR"],
  },
  getsockname: { failing: "-1", reasons: ["ENOBUFS"] },
  kill: { failing: "-1", reasons: ["EPERM"] },
  getpeername: { failing: "-1", reasons: ["ENOBUFS"] },
  getsockopt: { failing: "-1", reasons: ["ENOPROTOOPT", "ENOMEM", "EPERM"] },
  setsockopt: { failing: "-1", reasons: ["EPERM", "ENOPROTOOPT", "ENOMEM"] },
  recv: {
    failing: "-1n",
    reasons: ["EAGAIN", "EINTR", "ECONNRESET", "ENOMEM"],
  },
  send: {
    failing: "-1n",
    reasons: ["EAGAIN", "EINTR", "EPIPE", "ECONNRESET", "ENOBUFS", "ENOMEM"],
  },
  sendmsg: {
    failing: "-1n",
    reasons: [
      "EAGAIN",
      "EINTR",
      "EPIPE",
      "ECONNRESET",
      "ENOBUFS",
      "ENOMEM",
      "ETOOMANYREFS",
    ],
  },
  recvmsg: {
    failing: "-1n",
    reasons: ["EAGAIN", "EINTR", "ECONNRESET", "ENOMEM"],
  },
  ioctl: { failing: "-1", reasons: ["EINVAL"] },
  close: { failing: "-1", reasons: ["EINTR", "EIO"], happens: true },
  syscall3: { failing: "-1n", reasons: ["ENOSYS", "EPERM"] },
  fcntl: { failing: "-1", reasons: ["EBADF", "EPERM"] },
  pipe2: { failing: "-1", reasons: ["EMFILE", "ENFILE"] },
  // Only if the working directory is gone, which is not traced.
  chdir: { failing: "-1", reasons: ["EACCES"] },
  readlink: { failing: "-1n", reasons: ["EACCES", "ENOENT"] },
  open: {
    failing: "-1",
    reasons: ["EMFILE", "ENFILE", "ENOMEM", "EACCES", "ENOENT", "EINTR"],
  },
  read: { failing: "-1n", reasons: ["EINTR", "EIO", "ENOMEM"] },
  write: { failing: "-1n", reasons: ["EINTR", "EIO", "ENOSPC"] },
  pread: { failing: "-1n", reasons: ["EINTR", "EIO"] },
  realpath: {
    failing: "NULL",
    reasons: ["EACCES", "EIO", "ELOOP", "ENOENT", "ENOMEM"],
  },
  chmod: { failing: "-1", reasons: ["EPERM", "EROFS", "EIO", "ENOENT"] },
  fchownat: { failing: "-1", reasons: ["EPERM", "EROFS", "EIO"] },
  rename: { failing: "-1", reasons: ["EACCES", "ENOSPC", "EROFS"] },
  unlink: { failing: "-1", reasons: ["EACCES", "EROFS", "EIO", "ENOENT"] },
  flock: { failing: "-1", reasons: ["EINTR", "EAGAIN", "ENOLCK"] },
  // ENOENT is not a fault: the path does not exist.
  statx: { failing: "-1", reasons: ["ENOMEM", "EACCES", "EIO"] },
  getdents64: { failing: "-1n", reasons: ["EIO", "ENOENT"] },
  memfd_create: { failing: "-1", reasons: ["EMFILE", "ENFILE", "ENOMEM"] },
  poll: { failing: "-1", reasons: ["EINTR", "ENOMEM"] },
  epoll_create1: { failing: "-1", reasons: ["EMFILE", "ENFILE", "ENOMEM"] },
  epoll_ctl: { failing: "-1", reasons: ["ENOMEM", "ENOSPC"] },
  epoll_wait: { failing: "-1", reasons: ["EINTR"] },
  epoll_wait_on_thread: { failing: "promise of -1", reasons: ["EINTR"] },
  eventfd: {
    failing: "-1",
    reasons: ["EMFILE", "ENFILE", "ENOMEM", "ENODEV"],
  },
  execve: {
    failing: "-1",
    reasons: ["ENOENT", "EACCES", "E2BIG", "ENOMEM", "EAGAIN", "ETXTBSY"],
  },
  execv: {
    failing: "-1",
    reasons: ["ENOENT", "EACCES", "E2BIG", "ENOMEM", "EAGAIN", "ETXTBSY"],
  },
  posix_spawn: {
    failing: "errno",
    reasons: ["ENOENT", "EACCES", "ENOMEM", "EAGAIN"],
  },
  posix_spawn_file_actions_init: { failing: "errno", reasons: ["ENOMEM"] },
  posix_spawn_file_actions_adddup2: { failing: "errno", reasons: ["ENOMEM"] },
  posix_spawn_file_actions_addclose: { failing: "errno", reasons: ["ENOMEM"] },
  posix_spawn_file_actions_addchdir_np: {
    failing: "errno",
    reasons: ["ENOMEM"],
  },
  posix_spawnattr_init: { failing: "errno", reasons: ["ENOMEM"] },
  waitpid: { failing: "-1", reasons: ["ECHILD"] },
  sigaction: { failing: "-1", reasons: ["EINVAL"] },
  setenv: { failing: "-1", reasons: ["ENOMEM"] },
  unsetenv: { failing: "-1", reasons: ["ENOMEM"] },
  pthread_sigmask: { failing: "errno", reasons: ["EINVAL"] },
  signalfd: {
    failing: "-1",
    reasons: ["EMFILE", "ENFILE", "ENOMEM", "ENODEV"],
  },
  getrlimit: { failing: "-1", reasons: ["EPERM"] },
  setrlimit: { failing: "-1", reasons: ["EPERM"] },
  clock_gettime: { failing: "-1", reasons: ["EPERM"] },
  getaddrinfo: {
    failing: "promise of errno",
    reasons: ["EAI_NONAME", "EAI_AGAIN", "EAI_FAIL", "EAI_MEMORY"],
  },
  getpwnam_r: { failing: "errno", reasons: ["EIO", "EMFILE", "ENOMEM"] },
  getgrnam_r: { failing: "errno", reasons: ["EIO", "EMFILE", "ENOMEM"] },
  getpwnam_r_on_thread: {
    failing: "promise of errno",
    reasons: ["EIO", "EINTR", "EMFILE", "ENOMEM", "ERANGE"],
  },
  getgrnam_r_on_thread: {
    failing: "promise of errno",
    reasons: ["EIO", "EINTR", "EMFILE", "ENOMEM", "ERANGE"],
  },
  malloc: { failing: "NULL", reasons: ["ENOMEM"] },
};

/** A kind of file whose calls have fewer errors. */
export interface Exception {
  readonly symbol: string;
  readonly file: string;
  readonly reasons: readonly Reason[];
}

/** Errors of special descriptors, from their manual pages. */
export const EXCEPTIONS: readonly Exception[] = [
  // A write to an eventfd(2) that is not full succeeds.
  { symbol: "write", file: "poller.ts", reasons: [] },
  { symbol: "read", file: "poller.ts", reasons: ["EAGAIN", "EINTR"] },
  // signalfd(2)
  {
    symbol: "read",
    file: "signal_descriptor.ts",
    reasons: ["EAGAIN", "EINTR"],
  },
];

/** Functions that cannot fail: they have no error in their manual pages. */
export const UNFAILING: readonly string[] = [
  "__errno_location",
  "free",
  "freeaddrinfo",
  "gai_strerror",
  "getauxval",
  "getenv",
  // Called only with the rights of other users, which is not traced.
  "getgroups",
  "getpid",
  "getuid",
  // They cannot fail with the daemon's arguments.
  "inet_ntop",
  "inet_pton",
  "lseek",
  "memcpy_in",
  "memcpy_out",
  "posix_spawn_file_actions_destroy",
  "posix_spawnattr_destroy",
  "posix_spawnattr_setflags",
  "posix_spawnattr_setsigdefault",
  "posix_spawnattr_setsigmask",
  // They return the previous id, even if they have changed nothing.
  "setfsgid",
  "setfsuid",
  "sigfillset",
  "strerror",
  "strlen",
  "umask",
];

/** Functions that only clients and their tools call. */
export const NOT_THE_DAEMONS: readonly string[] = [
  "dup3",
  "faccessat",
  // The daemon calls it only where LISTEN_PIDFDID is set.
  "fstatfs",
  // The names of the users of holders.
  "getgrouplist",
  "getpwuid_r",
  "posix_spawn_file_actions_addopen",
  "shutdown",
  "prctl",
  "waitid",
  // Only on a kernel without pidfd_open(2).
  "waitid_on_thread",
];
