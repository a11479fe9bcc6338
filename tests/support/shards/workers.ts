/**
 * Workers that serve a shard each, under load, as a supervisor grows and shrinks them.
 *
 * @module
 */
import { connect } from "../../../client.ts";
import { eventually } from "../eventually.ts";
import { ServiceLoad } from "../takeover/service_load.ts";
import type { Group } from "./group.ts";

/** Workers with clients that connect all the time. `await using` stops both. */
export class Workers extends ServiceLoad {
  private constructor(readonly group: Group, clients: number) {
    super(group.at(0), clients);
  }

  /** Starts the first worker and clients that connect to the address. */
  static async start(group: Group, clients: number): Promise<Workers> {
    await group.bind(0, 1);
    return new Workers(group, clients);
  }

  /** Adds a worker: its socket gets connections once it is ready. */
  async grow(): Promise<void> {
    const { size, group } = this;
    await group.bind(size, size);
    await this.times(20);
    this.serve(group.at(size));
    await group.bind(size, size + 1);
  }

  /** Removes the last worker, once its queue is empty. */
  async shrink(): Promise<void> {
    const { group } = this;
    const last = this.size - 1;
    await group.bind(0, last);
    await this.times(20);
    await eventually(
      `no connection waits at shard ${last}`,
      () => group.waiting()[last] === 0,
    );
    await this.leave();
    group.close(last);
    using session = await connect({ sock: group.sock });
    await session.release(group.address, { shard: last });
  }
}
