import { assertEquals, assertThrows } from "@std/assert";
import {
  decodeState,
  encodeState,
  type State,
  StateError,
} from "../../server/reexec/state.ts";

const FILE = { device: "0:1", inode: "2" };
const CONTROL = { fd: 5, path: "/run/mb.sock", file: FILE };

const STATE: State = {
  format: 1,
  version: "1.2.3",
  generation: 7,
  started_at: "2026-01-01T00:00:00.000Z",
  control: CONTROL,
  binds: [{
    fd: 6,
    kind: "tcp",
    host: "::1",
    port: 80,
    v6only: true,
    backlog: 1000,
    bound_at: 1_767_225_601_000,
    handed_out: 3,
    last_peer: { pid: 1, uid: 2, gid: 3, at: 1_767_225_602_000 },
  }],
  clients: [{
    fd: 8,
    ended: true,
    received: "e30=",
    unsent: [{ bytes: "e30K", descriptors: [6] }],
  }],
};

function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

Deno.test("a decoded state equals the encoded one", () => {
  assertEquals(decodeState(encodeState(STATE)), STATE);
});

Deno.test("unknown fields of a state are ignored", () => {
  const newer = {
    ...STATE,
    colour: "blue",
    control: { ...CONTROL, abstract: true },
    binds: STATE.binds.map((bind) => ({ ...bind, kind: "tcp" })),
    clients: STATE.clients.map((client) => ({ ...client, priority: 1 })),
  };
  const { version, generation, binds, clients } = decodeState(encode(newer));
  assertEquals({ version, generation }, { version: "1.2.3", generation: 7 });
  assertEquals([binds[0]?.fd, clients[0]?.fd], [6, 8]);
});

Deno.test("missing fields of a state have defaults", () => {
  const state = decodeState(encode({
    format: 1,
    control: CONTROL,
    binds: [{ fd: 6, host: "127.0.0.1", port: 80 }],
    clients: [{ fd: 8 }],
  }));
  assertEquals(state.generation, 1);
  assertEquals(state.control, CONTROL);
  const { fd, host, port, v6only, handed_out } = state.binds[0]!;
  assertEquals({ fd, host, port, v6only, handed_out }, {
    fd: 6,
    host: "127.0.0.1",
    port: 80,
    v6only: true,
    handed_out: 0,
  });
  assertEquals(state.clients, [
    { fd: 8, ended: false, received: "", unsent: [] },
  ]);
  const none = decodeState(encode({ format: 1, control: CONTROL }));
  assertEquals([none.binds, none.clients], [[], []]);
});

Deno.test("a decoded state of every kind of bind equals the encoded one", () => {
  const common = {
    v6only: true,
    backlog: 1000,
    bound_at: 1_767_225_601_000,
    handed_out: 0,
  };
  const binds: State["binds"] = [
    {
      ...common,
      fd: 6,
      kind: "udp",
      host: "::",
      port: 53,
      v6only: false,
      device: "lo",
      options: { reuse_port: true },
    },
    {
      ...common,
      fd: 7,
      kind: "unix",
      path: "/run/web.sock",
      file: FILE,
      backlog: 9,
      options: { mode: "0600", owner: "www" },
    },
    { ...common, fd: 8, kind: "seqpacket", path: "@bus" },
    { ...common, fd: 9, kind: "unixgram", path: "/run/log.sock", file: FILE },
  ];
  assertEquals(decodeState(encodeState({ ...STATE, binds })).binds, binds);
});

Deno.test("a path without a kind is a UNIX stream socket", () => {
  const { binds } = decodeState(encode({
    format: 1,
    control: CONTROL,
    binds: [{ fd: 6, path: "/run/web.sock" }],
  }));
  const { fd, kind, path, backlog } = binds[0]!;
  assertEquals({ fd, kind, path, backlog }, {
    fd: 6,
    kind: "unix",
    path: "/run/web.sock",
    backlog: 1000,
  });
});

const UNREADABLE: Record<string, unknown> = {
  "another format": { ...STATE, format: 3 },
  "no format": { ...STATE, format: undefined },
  "null": null,
  "a number": 7,
  "an array": [],
  "no control socket": { ...STATE, control: undefined },
  "a control socket without a descriptor": {
    ...STATE,
    control: { ...CONTROL, fd: undefined },
  },
  "a control socket without a path": {
    ...STATE,
    control: { ...CONTROL, path: undefined },
  },
  "a control socket without a file": {
    ...STATE,
    control: { ...CONTROL, file: null },
  },
  "a bind without a descriptor": {
    ...STATE,
    binds: [{ host: "127.0.0.1", port: 80 }],
  },
  "a bind without an address": { ...STATE, binds: [{ fd: 6 }] },
  "a client without a descriptor": { ...STATE, clients: [{ ended: true }] },
  "binds that are not an array": { ...STATE, binds: 7 },
};

for (const [what, value] of Object.entries(UNREADABLE)) {
  Deno.test(`a state is refused: ${what}`, () => {
    assertThrows(() => decodeState(encode(value)), StateError, "state");
  });
}

Deno.test("a state is refused: not JSON", () => {
  const bytes = new TextEncoder().encode('{"format":1');
  assertThrows(() => decodeState(bytes), StateError, "not JSON");
});

Deno.test("the error for another format names it", () => {
  assertThrows(
    () => decodeState(encode({ ...STATE, format: 3 })),
    StateError,
    "format 3",
  );
});
