import { assert } from "@std/assert";
import {
  decodeState,
  encodeState,
  StateError,
} from "../../server/reexec/state.ts";
import { mutated } from "../support/fuzz/mutations.ts";
import { casesFor, inCase } from "../support/fuzz/seed.ts";

const CASES = casesFor(10_000);

const FILE = { device: "0:1", inode: "2" };

/** A state with every field. */
const STATE = JSON.parse(new TextDecoder().decode(encodeState({
  format: 1,
  version: "1.2.3",
  generation: 7,
  started_at: "2026-01-01T00:00:00.000Z",
  control: { fd: 5, path: "/run/mb.sock", file: FILE },
  binds: [
    {
      fd: 6,
      host: "::1",
      port: 80,
      v6only: true,
      device: "lo",
      backlog: 1000,
      options: { mark: 1 },
      bound_at: 1,
      handed_out: 3,
      last_peer: { pid: 1, uid: 2, gid: 3, at: 4 },
    },
    { fd: 7, kind: "unix", path: "/run/web.sock", file: FILE },
  ],
  clients: [{
    fd: 8,
    ended: true,
    received: "e30=",
    unsent: [{ bytes: "e30K", descriptors: [6] }],
  }],
  policy: '{ "rules": [] }',
})));

Deno.test(`${CASES} mutated states: each is decoded or a StateError`, async () => {
  let reads = 0;
  for (let number = 0; number < CASES; number++) {
    let bytes = new Uint8Array(0);
    const subject = () => JSON.stringify(new TextDecoder().decode(bytes));
    await inCase(number, subject, (random) => {
      bytes = mutated(STATE, random);
      try {
        decodeState(bytes);
        reads++;
      } catch (error) {
        if (!(error instanceof StateError)) throw error;
      }
    });
  }
  assert(reads > 0 && reads < CASES, `${reads} were read`);
});
