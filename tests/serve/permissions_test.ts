import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { bind } from "../../client.ts";
import { isOlder } from "../../ffi/libc/deno_version.ts";
import { Daemon } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { libcPath, Scratch, treePath } from "../support/tree.ts";
import { get } from "../support/serve/http_connection.ts";
import { connectTo, listeningUnix } from "../support/serve/sockets.ts";

const FFI = `--allow-ffi=${libcPath}`;

function start(
  script: string,
  grants: readonly string[],
  args: readonly string[],
  env: Record<string, string> = {},
): Program {
  const all = grants.includes("-A") ? grants : [FFI, ...grants];
  return Program.start(Deno.execPath(), {
    args: ["run", "--no-prompt", ...all, treePath(script), ...args],
    env,
  });
}

const NET = "--allow-net=127.0.0.1";

Deno.test(`a service with permission for the C library and ${NET} serves`, async () => {
  await using daemon = await Daemon.start();
  await using service = start("tests/support/serve/service.ts", [NET], [
    "0",
    "hello",
  ], {
    MULTIBINDER_SOCK: daemon.sock,
  });
  await service.output.next("serving");
  using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  assertEquals((await get(web)).body, "hello");
  service.signal("SIGTERM");
  const { code, errors } = await service.end();
  assertEquals({ code, errors }, { code: 0, errors: "" });
});

Deno.test(`a listener with permission for the C library and ${NET} accepts`, async () => {
  await using daemon = await Daemon.start();
  await using service = start("tests/support/serve/echo.ts", [NET], [], {
    MULTIBINDER_SOCK: daemon.sock,
  });
  await service.output.next("listening");
  using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
  using conn = await connectTo(web);
  await conn.write(new TextEncoder().encode("echo"));
  const bytes = new Uint8Array(4);
  assertEquals(await conn.read(bytes), 4);
  assertEquals(new TextDecoder().decode(bytes), "echo");
  service.signal("SIGTERM");
  const { errors } = await service.end();
  assertEquals(errors, "");
});

for (const script of ["service.ts", "echo.ts"]) {
  Deno.test(`${script}: without --allow-net the error names the flag`, async () => {
    await using daemon = await Daemon.start();
    await using service = start(`tests/support/serve/${script}`, [], [
      "0",
      "hello",
    ], {
      MULTIBINDER_SOCK: daemon.sock,
    });
    const { code, errors } = await service.end();
    assertEquals(code, 1);
    assertStringIncludes(
      errors,
      `AdoptionError: Deno cannot listen on the shared socket: run again with ${NET}`,
    );
  });
}

const isBefore28 = isOlder("2.8.0");

Deno.test("a UNIX socket needs --allow-net, and -A before Deno 2.8", async () => {
  await using scratch = await Scratch.make();
  using web = listeningUnix(scratch.join("web.sock"));
  // The child inherits it under the same number.
  await using service = start(
    "tests/support/serve/serve_descriptor.ts",
    [isBefore28 ? "-A" : "--allow-net"],
    [`${web.fd}`],
  );
  await service.output.next("serving");
  assertEquals((await get(web)).body, "from a descriptor");
  service.signal("SIGKILL");
  assertEquals((await service.end()).errors, "");
});

Deno.test(`the error for a UNIX socket with ${NET} names --allow-net`, async () => {
  await using scratch = await Scratch.make();
  using web = listeningUnix(scratch.join("web.sock"));
  await using service = start(
    "tests/support/serve/serve_descriptor.ts",
    [NET],
    [
      `${web.fd}`,
    ],
  );
  const { code, errors } = await service.end();
  assertEquals(code, 1);
  assertMatch(errors, /AdoptionError: .*: run again with --allow-net$/m);
});

if (isBefore28) {
  Deno.test("before Deno 2.8 the error for a UNIX socket without -A names -A", async () => {
    await using scratch = await Scratch.make();
    using web = listeningUnix(scratch.join("web.sock"));
    await using service = start(
      "tests/support/serve/serve_descriptor.ts",
      ["--allow-net", "--allow-read", "--allow-write"],
      [`${web.fd}`],
    );
    const { code, errors } = await service.end();
    assertEquals(code, 1);
    assertMatch(errors, /open: run again with -A, or with Deno 2.8 or newer$/m);
  });
}
