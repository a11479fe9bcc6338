/**
 * Checks that the daemon is consistent with the model while it is idle.
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

/** Lines that the daemon may log at level `error`. */
const EXPECTED_LINES =
  /^\S+ ERROR (policy rejected, the previous one stays in force|clients refused|upgrade abandoned reason=.*policy\.jsonc:\d+) ?|^$/;

/** What the checks compare. */
export interface Books {
  readonly daemon: Daemon;
  readonly model: Model;
  readonly territory: Territory;
  /** All places that actors use. */
  readonly places: readonly Place[];
  /** Places whose state is unknown, because answers are not read. */
  readonly ventured: readonly Place[];
}

/** The consistency checks of a run. */
export class Accounting {
  readonly #daemon: Daemon;
  readonly #model: Model;
  readonly #territory: Territory;
  readonly #places: readonly Place[];
  readonly #ventured: ReadonlyMap<string, Place>;
  /** Descriptors of the daemon with one client and no bind. */
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

  /** Starts with a daemon that holds nothing and has been re-executed. */
  static async open(books: Books): Promise<Accounting> {
    const open = await idleKinds(books.daemon);
    return new Accounting(books, open, await books.daemon.status());
  }

  /**
   * Compares the daemon with the model. No client is connected, the policy allows
   * everything, and no signal is pending.
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

  /** Asserts that the files are those of the held paths. */
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

  /** Asserts that the log has only expected errors. */
  assertLog(): void {
    const lines = this.#daemon.program.errors.text.split("\n");
    assertEquals(lines.filter((line) => !EXPECTED_LINES.test(line)), []);
  }

  /** Releases everything and asserts that every address is free. */
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
