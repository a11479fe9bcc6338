/**
 * Whether everything adds up once all is quiet.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect } from "../../../client.ts";
import type { BindDescription, Status } from "../../../protocol.ts";
import type { Daemon } from "../daemon.ts";
import { assertIdleKinds, idleKinds, type Kinds } from "../open_descriptors.ts";
import type { Model } from "./model.ts";
import { fileOf, type Place, type Territory, ZONES } from "./places.ts";
import { occupy } from "./sockets.ts";

/** What the daemon may write to its log at the level `error`. */
const EXPECTED_LINES =
  /^\S+ ERROR (policy refused, the (old one|last generation's) stays|clients are refused) |^$/;

/** What is to be accounted for. */
export interface Books {
  readonly daemon: Daemon;
  readonly model: Model;
  readonly territory: Territory;
  /** Everything that is asked for. */
  readonly places: readonly Place[];
  /** What may be held among them, and nobody knows. */
  readonly ventured: readonly Place[];
}

/** The books of a run. */
export class Accounting {
  readonly #daemon: Daemon;
  readonly #model: Model;
  readonly #territory: Territory;
  readonly #places: readonly Place[];
  readonly #ventured: ReadonlyMap<string, Place>;
  /** With no client but one and no socket held. */
  readonly #open: Kinds;
  #last: Status;

  private constructor(books: Books, open: Kinds, last: Status) {
    this.#daemon = books.daemon;
    this.#model = books.model;
    this.#territory = books.territory;
    this.#places = books.places;
    this.#ventured = new Map(books.ventured.map((each) => [each.key, each]));
    this.#open = open;
    this.#last = last;
  }

  /** Opens them for a daemon that holds nothing and has been re-executed. */
  static async open(books: Books): Promise<Accounting> {
    const open = await idleKinds(books.daemon);
    return new Accounting(books, open, await books.daemon.status());
  }

  /**
   * Compares everything with the model. Nobody is connected, every policy but
   * one that allows all is gone, and no signal is on its way.
   */
  async balance(generation: number): Promise<void> {
    const daemon = this.#daemon;
    const status = await daemon.status();
    assertEquals(
      [status.pid, status.generation],
      [daemon.pid, generation],
    );
    this.#model.tally.assertCounted(this.#last, status);
    this.#last = status;
    this.#model.tally.clear();

    const list = await this.#list();
    const keys = this.#model.assertListed(
      list,
      new Set(this.#ventured.keys()),
    );
    assertEquals(status.binds, list.length);
    const sockets = this.#open.socket! + list.length;
    await assertIdleKinds(daemon, { ...this.#open, socket: sockets });
    this.#assertFiles(keys);
    this.assertLog();
  }

  async #list(): Promise<BindDescription[]> {
    using session = await connect({ sock: this.#daemon.sock });
    const list = await session.list();
    this.#model.tally.count("list");
    return list;
  }

  /** There is a file for each held path and none beside. */
  #assertFiles(ventured: ReadonlySet<string>): void {
    const { directory } = this.#territory;
    const found = ZONES.flatMap((zone) =>
      [...Deno.readDirSync(`${directory}/${zone}`)]
        .map(({ name }) => `${directory}/${zone}/${name}`)
    );
    const held = [
      ...this.#model.places,
      ...this.#territory.taken(),
      ...[...ventured].map((key) => this.#ventured.get(key)!),
    ].flatMap((place) => fileOf(place) ?? []);
    assertEquals(found.sort(), held.sort());
  }

  /** Nothing is in the log but what was provoked. */
  assertLog(): void {
    const lines = this.#daemon.program.errors.text.split("\n");
    assertEquals(lines.filter((line) => !EXPECTED_LINES.test(line)), []);
  }

  /** Releases everything: then all is as it was and every address is free. */
  async clear(generation: number): Promise<void> {
    {
      using session = await connect({ sock: this.#daemon.sock });
      for (const { address, options } of await this.#list()) {
        await session.release(address, options);
        this.#model.tally.count("release");
      }
    }
    this.#model.forget();
    await this.balance(generation);
    assertEquals(this.#last.binds, 0);
    for (const place of this.#places) {
      occupy(place).close();
      const file = fileOf(place);
      if (file !== undefined) await Deno.remove(file);
    }
  }
}
