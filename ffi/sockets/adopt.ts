/**
 * Makes a listener of Deno accept from an existing listening socket.
 *
 * Deno.serve and Deno.listen take an address, not a descriptor
 * (denoland/deno#14006). Internally a listener is a descriptor number that an
 * epoll instance watches (mio under tokio, on Linux), and Deno accepts from the
 * socket that has this number. So Deno opens a listener on a temporary address,
 * and dup3(2) replaces the socket under its number by the shared socket.
 *
 * The steps, and how each one is verified:
 *
 * | step     | does                                            | verified by                                                       |
 * | -------- | ----------------------------------------------- | ----------------------------------------------------------------- |
 * | locate   | finds the descriptor of Deno's listener         | one listening socket has the address that Deno reports            |
 * | watch    | reads its registration in /proc/self/fdinfo     | it exists, with the same events and data in every watcher         |
 * | keep     | duplicates it, to undo the adoption             |                                                                   |
 * | withdraw | EPOLL_CTL_DEL                                   | no epoll instance watches the number                              |
 * | unblock  | sets O_NONBLOCK on the shared socket            | F_GETFL                                                           |
 * | replace  | dup3(2) of the shared socket onto the number    | same inode and address, listens, close-on-exec, non-blocking      |
 * | register | EPOLL_CTL_ADD with the same events and data     | fdinfo shows them, with the inode of the shared socket            |
 *
 * All steps run synchronously, so the event loop does not use the listener
 * meanwhile. When a step fails or its verification fails, the earlier steps are
 * undone, and Deno's listener is closed as usual.
 *
 * A client that has connected to the temporary listener is reset when that
 * socket closes. Deno then calls accept(2) on the shared socket, which may fail
 * with EAGAIN; every reactor expects that.
 *
 * Several processes accept from one queue. Deno's registration is
 * edge-triggered and not EPOLLEXCLUSIVE: a new connection wakes every process,
 * one accepts it, the others get EAGAIN. This is intended: an exclusive wake-up
 * could go to a process that has stopped accepting, and the connection would
 * wait until the next one arrives.
 *
 * Because of that EAGAIN the socket must stay non-blocking while it is adopted.
 * Every process that holds the socket shares O_NONBLOCK. A process that clears
 * it blocks the event loops of all adopters in accept(2) until the next
 * connection. For the same reason undoing an adoption does not clear it:
 * another process may rely on it.
 *
 * Deno still owns the number: closing the server or the listener deregisters
 * and closes this duplicate, and other processes are not affected. To stop
 * accepting, `leave` puts an unused listening socket under the number: the
 * other processes keep the shared queue, and Deno's server continues its
 * existing connections.
 *
 * @module
 */
import { abi } from "../libc/abi.ts";
import {
  Descriptor,
  duplicate,
  isCloseOnExec,
  isNonblocking,
  setNonblocking,
} from "../files/descriptor.ts";
import { check, Errno, OsError } from "../libc/errno.ts";
import { readFile } from "../files/file.ts";
import { isOlder } from "../libc/deno_version.ts";
import { libc } from "../libc/libc.ts";
import { viewOf } from "../libc/memory.ts";
import { openDescriptors } from "../processes/process.ts";
import { socketInode } from "./accept_queue.ts";
import { bindSocket, isListening, listenOn, streamSocket } from "./socket.ts";
import {
  formatSocketAddress,
  localAddress,
  type SocketAddress,
} from "./socket_address.ts";

/**
 * Deno cannot listen on the shared socket.
 *
 * The message names the missing permission, or the failed step and the version of
 * Deno. The socket keeps O_NONBLOCK (fcntl(2)) and is otherwise unchanged: you can
 * still pass `binding.dup()` to `listen({ fd })` of `node:http`.
 *
 * @example
 * ```ts no-eval
 * import { createServer } from "node:http";
 * import { AdoptionError, bind } from "jsr:@multibinder/client";
 *
 * const web = await bind("127.0.0.1:8000");
 * try {
 *   web.serve(() => new Response("hello\n"));
 * } catch (error) {
 *   if (!(error instanceof AdoptionError)) throw error;
 *   createServer((_, answer) => answer.end("hello\n")).listen({ fd: web.dup() });
 * }
 * ```
 */
export class AdoptionError extends Error {
  /** `AdoptionError`. */
  override readonly name = "AdoptionError";

  /** `cause` is the reason why `step` failed. */
  constructor(
    /** `permission`, `open`, `locate`, `watch`, `keep`, `withdraw`, `unblock`, `replace` or `register`. */
    readonly step: string,
    cause: unknown,
  ) {
    const reason = cause instanceof Error ? cause.message : cause;
    super(
      step === "permission"
        ? `Deno cannot listen on the shared socket: ${reason}`
        : `Deno ${Deno.version.deno} cannot listen on the shared socket: ${step}: ${reason}`,
      { cause },
    );
  }
}

/** The temporary address that Deno listens on before the socket is replaced. */
export type Place =
  | { transport: "tcp"; hostname: string; port: number }
  | { transport: "unix"; path: string };

/** A server or listener that Deno opened: HttpServer or Listener. */
export interface Opened {
  /** The address that it reports. */
  readonly addr: Deno.Addr;
}

/** How an epoll instance watches a descriptor (proc_pid_fdinfo(5)). */
interface Registration {
  readonly events: number;
  readonly data: bigint;
  /** Missing where the kernel does not report it. */
  readonly inode: string | undefined;
}

/** The state that the steps share. */
export interface Adoption {
  /** The shared listening socket. */
  readonly shared: number;
  /** The address of Deno's listener, as Deno reports it. */
  readonly reported: SocketAddress;
  /** The descriptor of Deno's listener. */
  listener: number;
  /** Descriptors of the epoll instance that watches it. */
  watchers: readonly number[];
  /** How it is watched. */
  registration: Registration;
  /** A duplicate of Deno's own socket, until the adoption is complete. */
  kept: Descriptor;
}

/** Acts, registers the reverse action with `undo`, then verifies the result. */
export type Step = (adoption: Adoption, undo: DisposableStack) => void;

function ensure(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

function isListenerAt(fd: number, address: SocketAddress): boolean {
  try {
    return isListening(fd) &&
      formatSocketAddress(localAddress(fd)) === formatSocketAddress(address);
  } catch (error) {
    // Not a socket, or a socket of another family.
    if (error instanceof OsError || error instanceof TypeError) return false;
    throw error;
  }
}

function locate(adoption: Adoption): void {
  const { reported } = adoption;
  const found = openDescriptors().filter((fd) => isListenerAt(fd, reported));
  ensure(
    found.length === 1,
    `${found.length} descriptors listen on ${formatSocketAddress(reported)}`,
  );
  adoption.listener = found[0]!;
}

const decoder = new TextDecoder();
const WATCHED =
  /^tfd:\s*(\d+) events:\s*([\da-f]+) data:\s*([\da-f]+)(?:\s+pos:\s*\d+ ino:([\da-f]+))?/gm;

/** How the epoll instance behind `epoll` watches `fd`, if it does. */
function registrationOf(epoll: number, fd: number): Registration | undefined {
  const text = descriptorInfo(epoll);
  for (const [, number, events, data, inode] of text.matchAll(WATCHED)) {
    if (Number(number) !== fd) continue;
    return {
      events: parseInt(events!, 16),
      data: BigInt(`0x${data}`),
      inode: inode && BigInt(`0x${inode}`).toString(),
    };
  }
  return undefined;
}

/**
 * The fdinfo of a descriptor; empty if another thread of Deno has closed it.
 */
function descriptorInfo(fd: number): string {
  try {
    return decoder.decode(readFile(`/proc/self/fdinfo/${fd}`));
  } catch (error) {
    if (error instanceof OsError && error.errno === Errno.ENOENT) return "";
    throw error;
  }
}

/** Every descriptor of an epoll instance that watches `fd`, and how. */
function watchersOf(fd: number): Map<number, Registration> {
  const found = new Map<number, Registration>();
  for (const candidate of openDescriptors()) {
    const registration = registrationOf(candidate, fd);
    if (registration !== undefined) found.set(candidate, registration);
  }
  return found;
}

function watch(adoption: Adoption): void {
  const found = watchersOf(adoption.listener);
  const [first, ...others] = found.values();
  ensure(first !== undefined, "no epoll instance watches the listener");
  ensure(
    others.every(({ events, data }) =>
      events === first.events && data === first.data
    ),
    "several epoll instances watch the listener",
  );
  adoption.watchers = [...found.keys()];
  adoption.registration = first;
}

function keep(adoption: Adoption, undo: DisposableStack): void {
  adoption.kept = undo.use(duplicate(adoption.listener));
}

function epollControl(adoption: Adoption, operation: number): number {
  const layout = abi.layouts.epoll_event;
  const { watchers, listener, registration } = adoption;
  const event = new Uint8Array(layout.size);
  const view = viewOf(event);
  view.setUint32(layout.events, registration.events, true);
  view.setBigUint64(layout.data, registration.data, true);
  return libc().epoll_ctl(watchers[0]!, operation, listener, event);
}

function withdraw(adoption: Adoption, undo: DisposableStack): void {
  check(epollControl(adoption, abi.EPOLL_CTL_DEL), "epoll_ctl");
  undo.defer(() => epollControl(adoption, abi.EPOLL_CTL_ADD));
  const left = watchersOf(adoption.listener).size;
  ensure(left === 0, "several epoll instances watch the listener");
}

function unblock({ shared }: Adoption): void {
  setNonblocking(shared, true);
  ensure(isNonblocking(shared), "the socket stays blocking");
}

function replace(adoption: Adoption, undo: DisposableStack): void {
  const { shared, listener, kept } = adoption;
  check(libc().dup3(shared, listener, abi.O_CLOEXEC), "dup3");
  undo.defer(() => libc().dup3(kept.fd, listener, abi.O_CLOEXEC));
  ensure(
    socketInode(listener) === socketInode(shared) &&
      isListenerAt(listener, localAddress(shared)),
    "the listener's number does not refer to the shared socket",
  );
  ensure(isCloseOnExec(listener), "the listener would survive an exec");
  ensure(isNonblocking(listener), "the listener is blocking");
}

function register(adoption: Adoption, undo: DisposableStack): void {
  check(epollControl(adoption, abi.EPOLL_CTL_ADD), "epoll_ctl");
  undo.defer(() => epollControl(adoption, abi.EPOLL_CTL_DEL));
  const { listener, shared, watchers, registration } = adoption;
  const inode = socketInode(shared);
  for (const watcher of watchers) {
    const shown = registrationOf(watcher, listener);
    ensure(
      shown?.events === registration.events &&
        shown.data === registration.data &&
        (shown.inode ?? inode) === inode,
      "the listener is not watched as it was",
    );
  }
}

/** The steps of an adoption; a test can replace one with a step that fails. */
export interface Steps {
  readonly locate: Step;
  readonly watch: Step;
  readonly keep: Step;
  readonly withdraw: Step;
  readonly unblock: Step;
  readonly replace: Step;
  readonly register: Step;
}

/** The steps in their order. */
export const STEPS: Steps = {
  locate,
  watch,
  keep,
  withdraw,
  unblock,
  replace,
  register,
};

/** The host of the temporary TCP listener. */
const LOOPBACK = "127.0.0.1";

/** Chooses a temporary address of the same kind. */
function placeFor(shared: SocketAddress): Place {
  if (shared.family === "unix") {
    requireGrant({ name: "net" }, "--allow-net");
    return { transport: "unix", path: `\0${unguessableName()}` };
  }
  // Deno's TCP listener accepts IPv4 and IPv6 connections, whatever its own
  // family.
  requireGrant(
    { name: "net", host: `${LOOPBACK}:0` },
    `--allow-net=${LOOPBACK}`,
  );
  return { transport: "tcp", hostname: LOOPBACK, port: 0 };
}

function requireGrant(grant: Deno.NetPermissionDescriptor, flag: string): void {
  const { state } = Deno.permissions.querySync(grant);
  ensure(state === "granted", `run again with ${flag}`);
}

/**
 * The address that Deno reports, if it listens at `place`. Up to Deno 2.8.3 a
 * TLS server reports no transport, and up to 2.8.0 an abstract name is null.
 */
function reportedAddress(
  addr: Deno.Addr,
  place: Place,
): SocketAddress | undefined {
  if (place.transport === "tcp") {
    const { transport = "tcp", hostname, port } = addr as Partial<Deno.NetAddr>;
    return transport === "tcp" && hostname === place.hostname &&
        port !== undefined
      ? { family: "ipv4", host: hostname, port }
      : undefined;
  }
  const { transport, path } = addr as Deno.UnixAddr;
  return transport === "unix" && (path ?? place.path) === place.path
    ? { family: "unix", path: place.path.replace("\0", "@") }
    : undefined;
}

function openOnce<T>(place: Place, open: (place: Place) => T): T {
  try {
    return open(place);
  } catch (cause) {
    // Before 2.8 Deno treats an abstract name as a path and checks its
    // permission.
    if (place.transport === "tcp" || !isOlder("2.8.0")) throw cause;
    throw new Error("run again with -A, or with Deno 2.8 or newer", { cause });
  }
}

/**
 * Opens Deno's listener at `place`. DENO_SERVE_ADDRESS moves the first server
 * of a program to another address, so a second attempt is made.
 */
function openAt<T extends Opened>(
  place: Place,
  open: (place: Place) => T,
  close: (opened: T) => void,
): { opened: T; reported: SocketAddress } {
  for (let attempt = 1; attempt <= 2; attempt++) {
    const opened = openOnce(place, open);
    const reported = reportedAddress(opened.addr, place);
    if (reported !== undefined) return { opened, reported };
    close(opened);
  }
  throw new Error("Deno does not listen at the requested address");
}

function adopt(
  shared: number,
  reported: SocketAddress,
  steps: Steps,
): Adoption {
  using undo = new DisposableStack();
  const adoption: Adoption = {
    shared,
    reported,
    listener: -1,
    watchers: [],
    registration: { events: 0, data: 0n, inode: undefined },
    kept: new Descriptor(-1),
  };
  for (const [name, step] of Object.entries<Step>({ ...steps })) {
    named(name, () => step(adoption, undo));
  }
  undo.move();
  adoption.kept.close();
  return adoption;
}

const NAME_PREFIX = "multibinder-";

/** A name in the abstract namespace (unix(7)), which leaves no file behind. */
function unguessableName(): string {
  return `${NAME_PREFIX}${crypto.randomUUID()}`;
}

/** Whether an adoption listens on this path, as {@linkcode Place} has it. */
export function isTemporaryPath(path: string): boolean {
  return path.startsWith(`\0${NAME_PREFIX}`);
}

function leave(adoption: Adoption): void {
  const { listener } = adoption;
  const address: SocketAddress = {
    family: "unix",
    path: `@${unguessableName()}`,
  };
  using socket = streamSocket(address, { nonblocking: true });
  bindSocket(socket.fd, address);
  listenOn(socket.fd, 0);
  epollControl(adoption, abi.EPOLL_CTL_DEL);
  check(libc().dup3(socket.fd, listener, abi.O_CLOEXEC), "dup3");
  epollControl(adoption, abi.EPOLL_CTL_ADD);
}

function named<T>(step: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new AdoptionError(step, cause);
  }
}

/** A listener of Deno that accepts from the shared socket. */
export interface Adopted<T> {
  /**
   * The server or listener. Its `addr` remains that of the temporary listener.
   */
  readonly opened: T;
  /**
   * Stops accepting. Call it once, before the listener is closed.
   *
   * @throws {OsError} EMFILE and the like; the listener then continues to
   * accept.
   */
  leave(): void;
}

/**
 * Opens a listener of Deno and makes it accept from the shared socket.
 *
 * @param shared the listening socket, TCP or UNIX stream; the caller still owns
 * it. It becomes non-blocking in every process that holds it.
 * @param open opens Deno's listener at the given address, synchronously
 * @param close closes the listener when the adoption fails
 *
 * @throws {AdoptionError} when a step fails; only O_NONBLOCK stays set.
 */
export function openOnSocket<T extends Opened>(
  shared: number,
  open: (place: Place) => T,
  close: (opened: T) => void,
  steps: Steps = STEPS,
): Adopted<T> {
  const place = named("permission", () => placeFor(localAddress(shared)));
  const { opened, reported } = named("open", () => openAt(place, open, close));
  try {
    const adoption = adopt(shared, reported, steps);
    return { opened, leave: () => leave(adoption) };
  } catch (error) {
    close(opened);
    throw error;
  }
}
