import { descriptorLimit } from "../../ffi/processes/process.ts";

/** A client that descriptors are sent to. */
export interface Recipient {
  readonly closed: boolean;
  readonly peer: { readonly uid: number };
  /** The number of sent descriptors that it has not received yet. */
  inFlight(): number;
}

/**
 * Bounds the descriptors in flight: sent, and not received yet. The kernel counts
 * them for the daemon's user, and refuses to send any more beyond RLIMIT_NOFILE
 * (ETOOMANYREFS, unix(7)). Each client has at most one message in flight. A
 * single descriptor is always sent: there are fewer clients than descriptors.
 * Batches share half of the limit, so that clients that do not receive theirs
 * delay only other batches, and mostly those of the same user.
 */
export class DescriptorsInFlight {
  /** Clients that may not have received a batch yet. */
  readonly #recipients = new Set<Recipient>();

  /**
   * Whether `count` descriptors may be sent to a client now. A user may have as
   * many in flight as stay free for the others. One batch may always be.
   */
  admits(recipient: Recipient, count: number): boolean {
    if (count === 1) return true;
    const { uid } = recipient.peer;
    let all = 0;
    let own = 0;
    for (const each of this.#recipients) {
      const inFlight = each.closed ? 0 : each.inFlight();
      if (inFlight === 0) this.#recipients.delete(each);
      all += inFlight;
      if (inFlight > 0 && each.peer.uid === uid) own += inFlight;
    }
    const free = Math.floor(descriptorLimit().soft / 2) - all - count;
    return all === 0 || own + count <= free;
  }

  /** Counts what was sent to a client. */
  add(recipient: Recipient, count: number): void {
    if (count > 1) this.#recipients.add(recipient);
  }
}
