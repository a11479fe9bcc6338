import {
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  AddressError,
  bind,
  bindAll,
  type BindOptions,
  bindSync,
  connect,
  type SocketRequest,
} from "../../client.ts";
import { Daemon } from "../support/daemon.ts";
import { PATIENCE } from "../support/eventually.ts";

/** Options without a check of their names, as in JavaScript. */
function unchecked(options: Record<string, unknown>): BindOptions {
  return options;
}

for (const name of ["bakclog", "reuse_port"]) {
  Deno.test(`the error for the unknown option ${name} lists the known ones`, async () => {
    const options = unchecked({ sock: "/nowhere", timeout: 0, [name]: 1 });
    const { [name]: _, ...common } = options as Record<string, unknown>;
    const address = "127.0.0.1:0";
    const request = unchecked({ address, [name]: 1 }) as SocketRequest;
    const errors = [
      await assertRejects(() => bind(address, options), TypeError),
      await assertRejects(() => bind("127.0.0.1", 0, options), TypeError),
      assertThrows(() => bindSync(address, options), TypeError),
      await assertRejects(() => bindAll([request], common), TypeError),
    ];
    for (const { message } of errors) {
      assertStringIncludes(message, `no option ${name}`);
      assertStringIncludes(message, "backlog");
      assertStringIncludes(message, "reusePort");
    }
    assertStringIncludes(errors[3]!.message, `${address}: `);
    await assertRejects(() => bindAll([], options), TypeError, name);
    await assertRejects(() => connect(options), TypeError, name);
  });
}

Deno.test("the calls of a session reject unknown options and accept those of connect", async () => {
  await using daemon = await Daemon.start();
  const { signal } = new AbortController();
  const limits = { timeout: PATIENCE, signal };
  using session = await connect({ sock: daemon.sock, ...limits });
  const wrong = unchecked({ colour: "red" });
  const calls = [
    () => session.bind("127.0.0.1:0", wrong),
    () => session.bindAll([], wrong),
    () => session.list(wrong),
    () => session.status(wrong),
  ];
  for (const call of calls) {
    await assertRejects(async () => await call(), TypeError, "no option");
  }
  (await session.bind("127.0.0.1:0", { ...limits, backlog: 5 })).close();
  const [web] = await session.bindAll([{ address: "::1", port: 0 }], limits);
  web!.close();
  assertEquals((await session.list(limits)).length, 2);
  // release accepts all options that list shows.
  const listed = unchecked({ backlog: 1000, v6only: true });
  await session.release("::1", 0, { ...limits, ...listed });
  assertEquals((await session.status(limits)).binds, 1);
});

const INVALID_MODES: [mode: unknown, says: string][] = [
  [666, "invalid mode 666 (0o1232): write 0o666"],
  [640, "invalid mode 640 (0o1200): write 0o640"],
  [0o1777, "invalid mode 1023 (0o1777): write a number such as 0o660"],
  [-1, "invalid mode -1: expected a number such as 0o660"],
  ["0660", "invalid mode 0660: expected a number such as 0o660"],
];

for (const [mode, says] of INVALID_MODES) {
  Deno.test(`the error for the mode ${JSON.stringify(mode)} says what to write`, async () => {
    const address = "unix:/nowhere/x";
    const options = unchecked({ sock: "/nowhere", timeout: 0, mode });
    await assertRejects(() => bind(address, options), TypeError, says);
    assertThrows(() => bindSync(address, options), TypeError, says);
    const request = unchecked({ address, mode }) as SocketRequest;
    await assertRejects(() => bindAll([request]), TypeError, says);
  });
}

const INVALID_HOSTS: [address: string, says: string][] = [
  ["127.0.0.1:8000", "it already has a port"],
  ["tcp://127.0.0.1:8000", "it already has a port"],
  ["[::1]:8000", "it already has a port"],
  [":8000", "it already has a port"],
  ["unix:/run/x", "a path has no port"],
  ["unixgram:@x", "a path has no port"],
  ["/run/x", "a path has no port"],
];

for (const [address, says] of INVALID_HOSTS) {
  Deno.test(`the host ${address} with a port is an AddressError that says why`, async () => {
    const options = { sock: "/nowhere", timeout: 0 };
    const port = 8000;
    const errors = [
      await assertRejects(() => bind(address, port, options), AddressError),
      assertThrows(() => bindSync(address, port, options), AddressError),
      await assertRejects(() => bindAll([{ address, port }]), AddressError),
    ];
    for (const { message } of errors) {
      assertStringIncludes(message, `invalid host "${address}": ${says}`);
    }
  });
}
