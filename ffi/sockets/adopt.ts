/**
 * A listening socket of ours under a listener of Deno's.
 *
 * Deno.serve and Deno.listen take an address, not a descriptor
 * (denoland/deno#14006). Inside, though, a listener is a descriptor that an
 * epoll instance watches (mio under tokio, on Linux): whatever socket the
 * kernel finds under that number is what Deno accepts from. So Deno is let
 * listen on an address nobody knows, and the socket under the number of that
 * listener is replaced by ours.
 *
 * What this relies on, and how each step makes sure of it:
 *
 * | step     | does                                            | verified by                                                       |
 * | -------- | ----------------------------------------------- | ----------------------------------------------------------------- |
 * | locate   | finds the descriptor of Deno's listener         | it listens, and its getsockname(2) is what Deno reports; just one |
 * | watch    | reads its registration in /proc/self/fdinfo     | someone watches it, all with the same events and data             |
 * | keep     | duplicates it, for the way back                 |                                                                   |
 * | withdraw | EPOLL_CTL_DEL                                   | nobody watches the number now: it was one epoll instance          |
 * | unblock  | O_NONBLOCK on our socket                        | F_GETFL                                                           |
 * | replace  | dup3(2) of our socket onto the number           | same inode and address, listens, close-on-exec, non-blocking      |
 * | register | EPOLL_CTL_ADD with the very same events, data   | fdinfo shows them, with our socket's inode                        |
 *
 * All of it happens in one synchronous stretch, in which the event loop that
 * would use the listener does not run. A step that fails, or whose outcome is
 * not what it should be, takes back every step before it: Deno's listener is
 * whole again and is closed as usual.
 *
 * A client may have connected to the temporary listener meanwhile: it is
 * reset when that socket goes, and Deno's accept(2) finds our queue instead,
 * possibly empty, which EAGAIN says and every reactor expects.
 *
 * Several processes accept from one queue. The registration is Deno's own,
 * edge-triggered and not EPOLLEXCLUSIVE: a new connection wakes every process,
 * one gets it, the others get EAGAIN. That is what we want. Exclusive wake-ups
 * would go to a process that is about to end and has stopped accepting, while
 * the connection waited for the next one to wake somebody else.
 *
 * That EAGAIN is why the socket has to stay non-blocking as long as it is
 * adopted. O_NONBLOCK is a property of the socket: every holder in every
 * process shares it. A holder who clears it makes the event loops of all
 * adopters stand still in accept(2) until the next connection comes. For the
 * same reason it is not cleared when an adoption is taken back: another
 * process may rely on it by then.
 *
 * The number stays Deno's: to close the server or the listener deregisters and
 * closes this duplicate, and no other holder notices. The way back is the same
 * trick again: a listening socket that nobody can find, put under the number,
 * leaves the shared queue to the others while Deno's server goes on with the
 * connections it has.
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
import { bindSocket, isListening, listenOn, streamSocket } from "./socket.ts";
import {
  formatSocketAddress,
  localAddress,
  type SocketAddress,
} from "./socket_address.ts";

/**
 * Deno cannot listen on the shared socket. The message names the flag that is
 * missing, or the step that failed and the version of Deno it failed in.
 * Nothing is left behind but O_NONBLOCK: pass `binding.dup()` to
 * `node:http`'s `listen({ fd })`, or the descriptor to another program.
 */
export class AdoptionError extends Error {
  /** `AdoptionError`. */
  override readonly name = "AdoptionError";

  /** Names the step that failed and why. */
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

/** Where Deno is asked to listen before the socket is replaced. */
export type Place =
  | { transport: "tcp"; hostname: string; port: number }
  | { transport: "unix"; path: string };

/** What Deno opened: an HttpServer or a Listener. */
export interface Opened {
  /** Where it says it listens. */
  readonly addr: Deno.Addr;
}

/** How an epoll instance watches a descriptor (proc_pid_fdinfo(5)). */
interface Registration {
  readonly events: number;
  readonly data: bigint;
  /** Missing on kernels that do not tell. */
  readonly inode: string | undefined;
}

/** What the steps know of one another. */
export interface Adoption {
  /** Our listening socket. */
  readonly shared: number;
  /** Where Deno's listener is, as Deno reports it. */
  readonly reported: SocketAddress;
  /** The number of Deno's listener. */
  listener: number;
  /** Descriptors of the epoll instance that watches it. */
  watchers: readonly number[];
  /** How it is watched. */
  registration: Registration;
  /** The socket that Deno made, while there is a way back. */
  kept: Descriptor;
}

/** Acts, defers to `undo` how to take that back, then verifies. */
export type Step = (adoption: Adoption, undo: DisposableStack) => void;

function ensure(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

function isListenerAt(fd: number, address: SocketAddress): boolean {
  try {
    return isListening(fd) &&
      formatSocketAddress(localAddress(fd)) === formatSocketAddress(address);
  } catch (error) {
    // No socket, or one of another family.
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

/** Empty for one that another thread of Deno's has closed meanwhile. */
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

function inodeOf(fd: number): string {
  const layout = abi.layouts.statx;
  const bytes = new Uint8Array(layout.size);
  check(
    libc().statx(
      fd,
      new Uint8Array(1),
      abi.AT_EMPTY_PATH,
      abi.STATX_BASIC_STATS,
      bytes,
    ),
    "statx",
  );
  return viewOf(bytes).getBigUint64(layout.stx_ino, true).toString();
}

function replace(adoption: Adoption, undo: DisposableStack): void {
  const { shared, listener, kept } = adoption;
  check(libc().dup3(shared, listener, abi.O_CLOEXEC), "dup3");
  undo.defer(() => libc().dup3(kept.fd, listener, abi.O_CLOEXEC));
  ensure(
    inodeOf(listener) === inodeOf(shared) &&
      isListenerAt(listener, localAddress(shared)),
    "another socket than ours is under the listener's number",
  );
  ensure(isCloseOnExec(listener), "the listener would survive an exec");
  ensure(isNonblocking(listener), "the listener is blocking");
}

function register(adoption: Adoption, undo: DisposableStack): void {
  check(epollControl(adoption, abi.EPOLL_CTL_ADD), "epoll_ctl");
  undo.defer(() => epollControl(adoption, abi.EPOLL_CTL_DEL));
  const { listener, shared, watchers, registration } = adoption;
  const inode = inodeOf(shared);
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

/** The steps of an adoption, where a test may put one that fails. */
export interface Steps {
  readonly locate: Step;
  readonly watch: Step;
  readonly keep: Step;
  readonly withdraw: Step;
  readonly unblock: Step;
  readonly replace: Step;
  readonly register: Step;
}

/** The real ones, in their order. */
export const STEPS: Steps = {
  locate,
  watch,
  keep,
  withdraw,
  unblock,
  replace,
  register,
};

/** Address that only this process ever connects to, if anybody. */
const LOOPBACK = "127.0.0.1";

/** Picks an address of the family that Deno has to accept on, if it is granted. */
function placeFor(shared: SocketAddress): Place {
  if (shared.family === "unix") {
    requireGrant({ name: "net" }, "--allow-net");
    return { transport: "unix", path: `\0${unguessableName()}` };
  }
  // A TCP listener of either family takes connections of both.
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
 * Where Deno listens, if that is where it was told to. Up to Deno 2.8.3 a TLS
 * server reports no transport, and up to 2.8.0 an abstract name is null.
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
    // Before 2.8 Deno takes an abstract name for a path, and checks that.
    if (place.transport === "tcp" || !isOlder("2.8.0")) throw cause;
    throw new Error("run again with -A, or with Deno 2.8 or newer", { cause });
  }
}

/**
 * Opens Deno's listener where it can be found again. DENO_SERVE_ADDRESS moves
 * the first server of a program elsewhere; the second one stays.
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
  throw new Error("Deno listens elsewhere than it was told to");
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

/** A name in the abstract namespace (unix(7)), which leaves no file behind. */
function unguessableName(): string {
  return `multibinder-${crypto.randomUUID()}`;
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

/** A listener of Deno's on the shared socket. */
export interface Adopted<T> {
  /** What Deno opened. Its `addr` is that of the temporary listener for good. */
  readonly opened: T;
  /**
   * Accepts nothing from here on; to be called once, before it is closed.
   *
   * @throws {OsError} EMFILE and the like; then it goes on accepting.
   */
  leave(): void;
}

/**
 * Has Deno open a listener and puts the shared socket under it.
 *
 * @param shared the listening socket, of TCP or a UNIX stream; the caller's as
 * before, but non-blocking from here on, for every holder
 * @param open opens Deno's listener where it is told to, synchronously
 * @param close closes it again, when it cannot be used
 *
 * @throws {AdoptionError} when a step fails; nothing is left behind but
 * O_NONBLOCK.
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
