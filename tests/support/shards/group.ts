/**
 * A group of sockets that share an address, as a supervisor has it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { bind, type Binding } from "../../../client.ts";
import { acceptConnection, isListening } from "../../../ffi/sockets/socket.ts";
import { Descriptor, setNonblocking } from "../../../ffi/files/descriptor.ts";
import { tcpAddress, waitingAt } from "../binds/listening_socket.ts";
import { eventually } from "../eventually.ts";

/** The bindings of shards, by their numbers. `using` closes them. */
export class Group implements Disposable {
  readonly #bindings = new Map<number, Binding>();
  readonly #clients: Deno.TcpConn[] = [];
  #port: number | undefined;

  /**
   * The daemon's control socket, the address, which may have port 0, and the host
   * that clients connect to.
   */
  constructor(
    readonly sock: string,
    readonly address: string,
    readonly host = "127.0.0.1",
  ) {}

  /** Binds a shard, and closes an earlier binding of it. */
  async bind(shard: number, shards: number): Promise<Binding> {
    const { sock, address } = this;
    return this.add(shard, await bind(address, { sock, shard, shards }));
  }

  /** Takes a binding of a shard, and closes an earlier one. */
  add(shard: number, binding: Binding): Binding {
    this.close(shard);
    this.#bindings.set(shard, binding);
    this.#port = tcpAddress(binding).port;
    return binding;
  }

  /** Binds all of them, one after the other. */
  async bindAll(shards: number): Promise<void> {
    for (let shard = 0; shard < shards; shard++) await this.bind(shard, shards);
  }

  /** The binding of a shard. */
  at(shard: number): Binding {
    const found = this.#bindings.get(shard);
    if (found === undefined) throw new Error(`shard ${shard} is not bound`);
    return found;
  }

  /** Closes the binding of a shard. */
  close(shard: number): void {
    this.#bindings.get(shard)?.close();
    this.#bindings.delete(shard);
  }

  /** Leaves the binding of a shard to the caller. */
  forget(shard: number): void {
    this.#bindings.delete(shard);
  }

  /** The port that all of them share. */
  get port(): number {
    return this.#port!;
  }

  /**
   * Connects to the address, and waits until the queues have all connections: the
   * last step of a handshake may follow the return of connect(2). The connections
   * stay open.
   */
  async connect(count: number, hostname = this.host): Promise<void> {
    const { port } = this;
    const all = () => this.waiting().reduce((sum, each) => sum + each, 0);
    const expected = all() + count;
    for (let done = 0; done < count; done++) {
      this.#clients.push(await Deno.connect({ hostname, port }));
    }
    await eventually(
      () => `${expected} connections in the queues: ${this.waiting()}`,
      () => all() >= expected,
    );
  }

  /** The lengths of the accept queues, by shard. */
  waiting(): number[] {
    return [...this.#bindings.keys()].sort((a, b) => a - b).map((shard) =>
      waitingAt(this.at(shard))
    );
  }

  /** Connects, and says how many connections each socket got of them. */
  async spread(count: number, hostname?: string): Promise<number[]> {
    const before = this.waiting();
    await this.connect(count, hostname);
    return this.waiting().map((now, index) => now - before[index]!);
  }

  /** Accepts and closes everything in the queue of a shard; says how many. */
  drain(shard: number): number {
    const { fd } = this.at(shard);
    assertEquals(isListening(fd), true);
    setNonblocking(fd, true);
    try {
      for (let accepted = 0;; accepted++) {
        const connection = acceptConnection(fd);
        if (connection === -1) return accepted;
        new Descriptor(connection).close();
      }
    } finally {
      setNonblocking(fd, false);
    }
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients) client.close();
    for (const shard of [...this.#bindings.keys()]) this.close(shard);
  }
}

/**
 * Asserts that every socket got its part of new connections, as far as chance allows:
 * five standard deviations, which one test in a million misses.
 */
export function assertEven(spread: readonly number[]): void {
  const all = spread.reduce((sum, each) => sum + each, 0);
  const mean = all / spread.length;
  const deviation = Math.sqrt(mean * (1 - 1 / spread.length));
  const least = Math.max(1, mean - 5 * deviation);
  const isEven = spread.every((each) => each >= least);
  if (!isEven) throw new Error(`not even: ${spread.join(", ")}`);
}
