/**
 * The model: the sockets that the daemon must hold, and so its answers.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Kind } from "../../../address.ts";
import {
  type Answer,
  type BindDescription,
  DEFAULT_BACKLOG,
  ErrorCode,
  type WireOptions,
} from "../../../protocol.ts";
import { keyOf, type Place } from "./places.ts";
import type { Policy } from "./policies.ts";
import type { BindRequest, Message, Request } from "./requests.ts";
import { assertSocketOf, type SocketIdentity } from "./sockets.ts";
import { countedAs, Tally } from "./tally.ts";

/** A socket that the daemon holds. */
interface Held {
  readonly identity: SocketIdentity;
  options: WireOptions;
  handedOut: number;
}

/** The code of an error, or `undefined` for a success. */
type Outcome = number | undefined;

const { COULD_NOT_BIND, DENIED, NO_SUCH_BIND } = ErrorCode;

const WITHOUT_QUEUE: readonly Kind[] = ["udp", "unixgram"];

function isBind(request: Request): boolean {
  const { method } = request.method === "wrong" ? request.text : request;
  return method === "bind";
}

/** A policy of `denies`, asked about a request. */
function denies(policy: Policy, request: Request): boolean {
  switch (request.method) {
    case "wrong":
      return false;
    case "bind": {
      const { method, place, options } = request;
      return policy.denies({ method, place, options: Object.keys(options) });
    }
    default:
      return policy.denies(request);
  }
}

/** The expected state of a daemon. */
export class Model {
  readonly #held = new Map<Place, Held>();
  /** Number of sockets of other programs at a place. */
  readonly #others = new Map<Place, number>();
  /** What was answered. */
  readonly tally: Tally = new Tally();

  /** The places of the held sockets. */
  get places(): Iterable<Place> {
    return this.#held.keys();
  }

  /** Number of held sockets. */
  get size(): number {
    return this.#held.size;
  }

  /** Whether a socket is held there. */
  has(place: Place): boolean {
    return this.#held.has(place);
  }

  /** Records that everything was released. */
  forget(): void {
    this.#held.clear();
  }

  /** Changes the number of other programs' sockets at a place. */
  addOthers(place: Place, count: number): void {
    this.#others.set(place, (this.#others.get(place) ?? 0) + count);
  }

  #isTaken(place: Place): boolean {
    return (this.#others.get(place) ?? 0) > 0;
  }

  /** The result of a single request. */
  #attempt(request: Request, policy: Policy): Outcome {
    if (request.method === "wrong") return request.code;
    if (denies(policy, request)) return DENIED;
    switch (request.method) {
      case "release":
        return this.#held.has(request.place) ? undefined : NO_SUCH_BIND;
      case "bind":
        return this.#held.has(request.place) || !this.#isTaken(request.place)
          ? undefined
          : COULD_NOT_BIND;
      default:
        return undefined;
    }
  }

  /** The result of a message: its binds are all or nothing. */
  #outcomes(
    { requests }: Message,
    attempts: readonly Outcome[],
  ): readonly Outcome[] {
    const allGranted = requests.every((request, at) =>
      !isBind(request) || attempts[at] === undefined
    );
    if (allGranted) return attempts;
    return requests.map((request, at) =>
      isBind(request) ? attempts[at] ?? COULD_NOT_BIND : attempts[at]
    );
  }

  /**
   * Records the answers to a message. They must be possible under one of the
   * policies. `got` has the received sockets.
   */
  async take(
    message: Message,
    answers: readonly Answer[],
    descriptors: readonly number[],
    policies: readonly Policy[],
    got: (place: Place, fd: number) => Promise<void>,
  ): Promise<void> {
    const { requests } = message;
    const codes = answers.map(({ error }) => error?.code);
    const attempts = policies
      .map((policy) => requests.map((each) => this.#attempt(each, policy)))
      .find((attempts) =>
        this.#outcomes(message, attempts).every((code, at) =>
          code === codes[at]
        )
      );
    if (attempts === undefined) {
      const names = policies.map(({ name }) => name).join(" or ");
      throw new Error(
        `by the policy ${names} not possible: ${JSON.stringify(answers)}`,
      );
    }
    const sockets = descriptors.values();
    for (const [at, request] of requests.entries()) {
      const answer = answers[at]!;
      const { error } = answer;
      const failed = error !== undefined;
      this.tally.count(countedAs(request), failed, error?.code === DENIED);
      this.#learn(request, attempts[at], answer);
      if (request.method !== "bind" || failed) continue;
      const { value: fd } = sockets.next();
      assert(fd !== undefined, "a descriptor is missing");
      this.#takeSocket(request, fd);
      await got(request.place, fd);
    }
    assert(sockets.next().done, "a descriptor too many");
  }

  /** Checks the details of an answer and records its effects. */
  #learn(request: Request, attempt: Outcome, { result, error }: Answer): void {
    switch (request.method) {
      case "bind":
        if (error?.code === COULD_NOT_BIND) {
          assertEquals(
            error.data,
            attempt === undefined
              ? { undone: true }
              : { errno: 98, code: "EADDRINUSE", syscall: "bind" },
          );
        } else if (error === undefined) {
          assertEquals(result, true);
        }
        // Changed options of held sockets stay changed.
        if (attempt === undefined) this.#change(request);
        return;
      case "release":
        if (error !== undefined) return;
        assertEquals(result, true);
        this.#held.delete(request.place);
        return;
      case "list":
        if (error === undefined) assert(Array.isArray(result), "no list");
    }
  }

  #change({ place, options }: BindRequest): void {
    const held = this.#held.get(place);
    if (held !== undefined) held.options = { ...held.options, ...options };
  }

  #takeSocket({ place, options }: BindRequest, fd: number): void {
    let held = this.#held.get(place);
    const identity = assertSocketOf(place, fd, held?.identity);
    if (held === undefined) {
      const usual = WITHOUT_QUEUE.includes(place.kind)
        ? {}
        : { backlog: DEFAULT_BACKLOG };
      held = { identity, options: { ...usual, ...options }, handedOut: 0 };
      this.#held.set(place, held);
    }
    held.handedOut++;
  }

  /**
   * Checks a list: it has the held sockets, and any of the places whose state is
   * unknown. Returns the keys of the latter.
   */
  assertListed(
    list: readonly BindDescription[],
    ventured: ReadonlySet<string>,
  ): Set<string> {
    const left = new Map(list.map((each) => [keyOf(each), each]));
    assertEquals(left.size, list.length, "something is listed twice");
    for (const [place, held] of this.#held) {
      assertEquals(shown(left.get(place.key)), expected(place, held));
      left.delete(place.key);
    }
    for (const [key, each] of left) {
      assert(ventured.has(key), `nobody has bound ${JSON.stringify(each)}`);
    }
    return new Set(left.keys());
  }
}

type Shown = Partial<BindDescription> | undefined;

/** Without fields that the model does not know. */
function shown(description: BindDescription | undefined): Shown {
  if (description === undefined) return undefined;
  const { address, bound, kind, handed_out, inode, waiting } = description;
  // The kernel caps the backlog.
  const { requested_backlog: backlog = description.options.backlog } =
    description;
  const options = {
    ...description.options,
    ...(backlog !== undefined && { backlog }),
  };
  // A socket that a holder has shut down has no queue until the next bind.
  const queue = WITHOUT_QUEUE.includes(kind) ? waiting : waiting ?? 0;
  return { address, bound, kind, options, handed_out, inode, waiting: queue };
}

function expected(
  place: Place,
  { identity, options, handedOut }: Held,
): Shown {
  const { listed: address, kind, v6only, device, bound } = place;
  return {
    address,
    bound: bound.family !== "unix" && bound.port === 0
      ? address.replace(/:0$/, `:${identity.port}`)
      : undefined,
    kind,
    options: {
      ...options,
      ...(v6only !== undefined && { v6only }),
      ...(device !== undefined && { device }),
    },
    handed_out: handedOut,
    inode: identity.inode,
    waiting: WITHOUT_QUEUE.includes(kind) ? undefined : 0,
  };
}
