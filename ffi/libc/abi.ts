/**
 * Constants and struct layouts of the C library, by their C names: one table
 * per target. Shared values are written once, different values in both tables.
 *
 * @module
 */

/** Constants with the same value on every supported target. */
const COMMON = {
  // socket(2)
  AF_UNSPEC: 0,
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_SEQPACKET: 5,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_TYPE: 3,
  SO_ERROR: 4,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_REUSEPORT: 15,
  SO_PASSCRED: 16,
  SO_PEERCRED: 17,
  SO_BINDTODEVICE: 25,
  SO_ATTACH_FILTER: 26,
  SO_GET_FILTER: 26,
  SO_DETACH_FILTER: 27,
  SO_ACCEPTCONN: 30,
  SO_MARK: 36,
  SO_DOMAIN: 39,
  SO_LOCK_FILTER: 44,
  SO_ATTACH_REUSEPORT_CBPF: 51,
  SO_PEERGROUPS: 59,
  SO_DETACH_REUSEPORT_BPF: 68,
  SO_PASSRIGHTS: 83,
  IPPROTO_IP: 0,
  IP_FREEBIND: 15,
  IP_TRANSPARENT: 19,
  IPPROTO_TCP: 6,
  TCP_DEFER_ACCEPT: 9,
  TCP_INFO: 11,
  TCP_FASTOPEN: 23,
  IPPROTO_UDP: 17,
  IPPROTO_IPV6: 41,
  IPV6_V6ONLY: 26,
  IPV6_TRANSPARENT: 75,
  IPV6_FREEBIND: 78,
  SCM_RIGHTS: 1,
  SCM_CREDENTIALS: 2,
  MSG_DONTWAIT: 0x40,
  MSG_CTRUNC: 0x08,
  MSG_NOSIGNAL: 0x4000,
  MSG_CMSG_CLOEXEC: 0x40000000,
  SHUT_RDWR: 2,
  /** The kernel's limit of descriptors in one message, `SCM_MAX_FD`. */
  SCM_MAX_FD: 253,
  // netlink(7), sock_diag(7)
  NETLINK_SOCK_DIAG: 4,
  NLM_F_REQUEST: 0x001,
  NLM_F_DUMP: 0x300,
  NLMSG_DONE: 3,
  SOCK_DIAG_BY_FAMILY: 20,
  /** Groups of messages: group N is bit N - 1 of `nl_groups`. */
  SKNLGRP_INET_TCP_DESTROY: 1,
  SKNLGRP_INET6_TCP_DESTROY: 3,
  UDIAG_SHOW_NAME: 0x01,
  UDIAG_SHOW_PEER: 0x04,
  UDIAG_SHOW_ICONS: 0x08,
  UDIAG_SHOW_RQLEN: 0x10,
  UNIX_DIAG_NAME: 0,
  UNIX_DIAG_PEER: 2,
  UNIX_DIAG_ICONS: 3,
  UNIX_DIAG_RQLEN: 4,
  INET_DIAG_NOCOOKIE: 0xffffffff,
  /** The state of a connected socket, of UNIX ones too. */
  TCP_ESTABLISHED: 1,
  TCP_FIN_WAIT1: 4,
  TCP_FIN_WAIT2: 5,
  TCP_CLOSE_WAIT: 8,
  /** The state of a listening socket, of UNIX ones too. */
  TCP_LISTEN: 10,
  // open(2), fcntl(2), flock(2), memfd_create(2), eventfd(2)
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_NOCTTY: 0o400,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
  PATH_MAX: 4096,
  PIPE_BUF: 4096,
  X_OK: 1,
  FIONREAD: 0x541b,
  SIOCOUTQ: 0x5411,
  F_DUPFD_CLOEXEC: 1030,
  F_GETFD: 1,
  F_SETFD: 2,
  F_GETFL: 3,
  F_SETFL: 4,
  F_SETPIPE_SZ: 1031,
  FD_CLOEXEC: 1,
  LOCK_EX: 2,
  LOCK_NB: 4,
  MFD_CLOEXEC: 1,
  // lseek(2), getauxval(3)
  SEEK_SET: 0,
  AT_EXECFN: 31,
  UINT_MAX: 0xffffffff,
  // close_range(2)
  SYS_close_range: 436,
  // pidfd_open(2)
  SYS_pidfd_open: 434,
  CLOSE_RANGE_CLOEXEC: 4,
  EFD_CLOEXEC: 0o2000000,
  EFD_NONBLOCK: 0o4000,
  // signalfd(2)
  SFD_CLOEXEC: 0o2000000,
  SFD_NONBLOCK: 0o4000,
  // fstatfs(2)
  PID_FS_MAGIC: 0x50494446,
  // statx(2)
  AT_FDCWD: -100,
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_EACCESS: 0x200,
  AT_EMPTY_PATH: 0x1000,
  STATX_BASIC_STATS: 0x7ff,
  S_IFMT: 0o170000,
  S_IFIFO: 0o010000,
  S_IFCHR: 0o020000,
  S_IFDIR: 0o040000,
  S_IFLNK: 0o120000,
  S_ISVTX: 0o001000,
  S_IFSOCK: 0o140000,
  // poll(2), epoll(7)
  POLLIN: 0x001,
  POLLOUT: 0x004,
  POLLERR: 0x008,
  POLLHUP: 0x010,
  POLLNVAL: 0x020,
  POLLRDHUP: 0x2000,
  EPOLL_CLOEXEC: 0o2000000,
  EPOLL_CTL_ADD: 1,
  EPOLL_CTL_DEL: 2,
  EPOLL_CTL_MOD: 3,
  EPOLLIN: 0x001,
  EPOLLOUT: 0x004,
  EPOLLHUP: 0x010,
  EPOLLET: 0x80000000,
  // signal(7)
  SIG_IGN: 1,
  SIG_BLOCK: 0,
  SIG_UNBLOCK: 1,
  SIG_SETMASK: 2,
  // posix_spawn(3)
  POSIX_SPAWN_SETPGROUP: 0x02,
  POSIX_SPAWN_SETSIGDEF: 0x04,
  POSIX_SPAWN_SETSIGMASK: 0x08,
  // prctl(2)
  PR_SET_CHILD_SUBREAPER: 36,
  // waitpid(2), waitid(2)
  WNOHANG: 1,
  WEXITED: 4,
  WNOWAIT: 0x01000000,
  P_ALL: 0,
  P_PID: 1,
  // getrlimit(2), clock_gettime(2)
  RLIMIT_NOFILE: 7,
  CLOCK_MONOTONIC: 1,
} as const;

/** Struct layouts shared by both LP64 targets: sizes and offsets in bytes. */
const COMMON_LAYOUTS = {
  sockaddr_in: { size: 16, sin_family: 0, sin_port: 2, sin_addr: 4 },
  sockaddr_in6: {
    size: 28,
    sin6_family: 0,
    sin6_port: 2,
    sin6_flowinfo: 4,
    sin6_addr: 8,
    sin6_scope_id: 24,
  },
  sockaddr_un: { size: 110, sun_family: 0, sun_path: 2 },
  ucred: { size: 12, pid: 0, uid: 4, gid: 8 },
  iovec: { size: 16, iov_base: 0, iov_len: 8 },
  msghdr: {
    size: 56,
    msg_name: 0,
    msg_namelen: 8,
    msg_iov: 16,
    msg_iovlen: 24,
    msg_control: 32,
    msg_controllen: 40,
    msg_flags: 48,
  },
  /** `size` is `CMSG_LEN(0)`; the data follows at that offset. */
  cmsghdr: { size: 16, cmsg_len: 0, cmsg_level: 8, cmsg_type: 12, align: 8 },
  tcp_info: {
    size: 136,
    tcpi_state: 0,
    tcpi_unacked: 24,
    tcpi_sacked: 28,
    tcpi_bytes_received: 128,
  },
  sockaddr_nl: { size: 12, nl_family: 0, nl_groups: 8 },
  nlmsghdr: { size: 16, nlmsg_len: 0, nlmsg_type: 4, nlmsg_flags: 6 },
  unix_diag_req: {
    size: 24,
    sdiag_family: 0,
    udiag_states: 4,
    udiag_ino: 8,
    udiag_show: 12,
    udiag_cookie: 16,
  },
  unix_diag_msg: { size: 16, udiag_state: 2, udiag_ino: 4 },
  inet_diag_sockid: {
    size: 48,
    idiag_sport: 0,
    idiag_dport: 2,
    idiag_src: 4,
    idiag_dst: 20,
    idiag_if: 36,
    idiag_cookie: 40,
  },
  inet_diag_req_v2: {
    size: 56,
    sdiag_family: 0,
    sdiag_protocol: 1,
    idiag_states: 4,
    /** `id.idiag_sport`, in network byte order. */
    id: 8,
  },
  inet_diag_msg: { size: 72, idiag_state: 1, id: 4, idiag_inode: 68 },
  sock_fprog: { size: 16, len: 0, filter: 8 },
  sock_filter: { size: 8, code: 0, jt: 2, jf: 3, k: 4 },
  rtattr: { size: 4, rta_len: 0, rta_type: 2 },
  unix_diag_rqlen: { size: 8, udiag_rqueue: 0, udiag_wqueue: 4 },
  pollfd: { size: 8, fd: 0, events: 4, revents: 6 },
  rlimit: { size: 16, rlim_cur: 0, rlim_max: 8 },
  timespec: { size: 16, tv_sec: 0, tv_nsec: 8 },
  sigset_t: { size: 128 },
  /** All zero means SIG_DFL. */
  sigaction: { size: 152, sa_handler: 0 },
  siginfo_t: { size: 128, si_pid: 16 },
  signalfd_siginfo: { size: 128, ssi_signo: 0 },
  addrinfo: {
    size: 48,
    ai_flags: 0,
    ai_family: 4,
    ai_socktype: 8,
    ai_protocol: 12,
    ai_addrlen: 16,
    ai_addr: 24,
    ai_canonname: 32,
    ai_next: 40,
  },
  passwd: {
    size: 48,
    pw_name: 0,
    pw_uid: 16,
    pw_gid: 20,
    pw_dir: 32,
    pw_shell: 40,
  },
  group: { size: 32, gr_name: 0, gr_gid: 16 },
  linux_dirent64: { d_ino: 0, d_reclen: 16, d_type: 18, d_name: 19 },
  statfs: { size: 120, f_type: 0 },
  statx: {
    size: 256,
    stx_nlink: 16,
    stx_uid: 20,
    stx_mode: 28,
    stx_ino: 32,
    stx_dev_major: 136,
    stx_dev_minor: 140,
  },
} as const;

/** Values that differ between targets. */
interface Target {
  readonly O_DIRECTORY: number;
  readonly O_NOFOLLOW: number;
  readonly SYS_setgroups: number;
  readonly layouts: {
    /** Packed on x86_64 (`EPOLL_PACKED`), naturally aligned elsewhere. */
    readonly epoll_event: {
      readonly size: number;
      readonly events: number;
      readonly data: number;
    };
  };
  /** Paths of the C library in distributions, most common first. */
  readonly libc: readonly string[];
}

const TARGETS: Readonly<Partial<Record<typeof Deno.build.arch, Target>>> = {
  x86_64: {
    O_DIRECTORY: 0o200000,
    O_NOFOLLOW: 0o400000,
    SYS_setgroups: 116,
    layouts: {
      epoll_event: { size: 12, events: 0, data: 4 },
    },
    libc: [
      "/lib/x86_64-linux-gnu/libc.so.6",
      "/usr/lib/x86_64-linux-gnu/libc.so.6",
      "/lib64/libc.so.6",
      "/usr/lib64/libc.so.6",
      "/usr/lib/libc.so.6",
    ],
  },
  aarch64: {
    O_DIRECTORY: 0o40000,
    O_NOFOLLOW: 0o100000,
    SYS_setgroups: 159,
    layouts: {
      epoll_event: { size: 16, events: 0, data: 8 },
    },
    libc: [
      "/lib/aarch64-linux-gnu/libc.so.6",
      "/usr/lib/aarch64-linux-gnu/libc.so.6",
      "/lib64/libc.so.6",
      "/usr/lib64/libc.so.6",
      "/usr/lib/libc.so.6",
    ],
  },
};

/**
 * The platform is not Linux x86_64 or aarch64 with glibc, or Deno is older than
 * 2.5.7. In an older Deno the import of the library throws it, elsewhere the first
 * call that needs the C library.
 *
 * @example
 * ```ts no-eval
 * try {
 *   const { bind } = await import("jsr:@multibinder/client");
 *   using web = await bind("127.0.0.1", 8000);
 * } catch (error) {
 *   if ((error as Error).name !== "UnsupportedPlatformError") throw error;
 *   Deno.serve({ port: 8000 }, () => new Response("hello\n"));
 * }
 * ```
 */
export class UnsupportedPlatformError extends Error {
  /** `UnsupportedPlatformError`. */
  override readonly name = "UnsupportedPlatformError";
}

/** The table of one target. */
export type Abi = typeof COMMON & {
  readonly O_DIRECTORY: number;
  readonly O_NOFOLLOW: number;
  readonly SYS_setgroups: number;
  readonly layouts: typeof COMMON_LAYOUTS & Target["layouts"];
  readonly libc: readonly string[];
};

/**
 * The table for a platform.
 *
 * @throws {UnsupportedPlatformError} on platforms other than Linux x86_64 and
 * aarch64.
 */
export function abiOf(os: string, arch: string): Abi {
  const target = os === "linux"
    ? TARGETS[arch as typeof Deno.build.arch]
    : undefined;
  if (target === undefined) {
    throw new UnsupportedPlatformError(
      `multibinder runs on Linux x86_64 and aarch64 with glibc; this is ${os} ${arch}`,
    );
  }
  return {
    ...COMMON,
    ...target,
    layouts: { ...COMMON_LAYOUTS, ...target.layouts },
  };
}

/** Whether this platform is supported. */
export const supported: boolean = Deno.build.os === "linux" &&
  TARGETS[Deno.build.arch] !== undefined;

/**
 * The table of this platform. On an unsupported platform it is an arbitrary
 * table: the import must not fail there, and libc.ts refuses every call.
 */
export const abi: Abi = supported
  ? abiOf(Deno.build.os, Deno.build.arch)
  : abiOf("linux", "x86_64");
