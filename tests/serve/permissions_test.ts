import { assertEquals, assertStringIncludes } from "@std/assert";
import { bind } from "../../client.ts";
import { Daemon } from "../daemon.ts";
import { Program } from "../program.ts";
import { libcPath, Scratch, treePath } from "../tree.ts";
import { get } from "./http_connection.ts";
import { connectTo, listeningUnix } from "./sockets.ts";

const FFI = `--allow-ffi=${libcPath}`;

function start(
  script: string,
  grants: readonly string[],
  args: readonly string[],
  env: Record<string, string> = {},
): Program {
  return Program.start(Deno.execPath(), {
    args: ["run", "--no-prompt", FFI, ...grants, treePath(script), ...args],
    env,
  });
}

const NATIVE: readonly string[] = ["--allow-net=127.0.0.1"];
const NOTHING: readonly string[] = [];

for (const grants of [NATIVE, NOTHING]) {
  const granted = ["the C library", ...grants].join(" and ");
  const fallsBack = grants === NOTHING;

  Deno.test(`a service that is granted ${granted} serves${fallsBack ? " with node:http" : ""}`, async () => {
    await using daemon = await Daemon.start();
    await using service = start(
      "tests/serve/service.ts",
      grants,
      ["0", "hello"],
      { MULTIBINDER_SOCK: daemon.sock },
    );
    await service.output.next("serving");
    using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
    assertEquals((await get(web)).body, "hello");
    service.signal("SIGTERM");
    const { code, errors } = await service.end();
    assertEquals(code, 0);
    assertEquals(
      errors,
      fallsBack
        ? "multibinder: Deno.serve cannot use the shared socket (permission: it is not permitted; --allow-net=127.0.0.1 does); node:http does"
        : "",
    );
  });

  Deno.test(`a listener that is granted ${granted} accepts`, async () => {
    await using daemon = await Daemon.start();
    await using service = start(
      "tests/serve/echo.ts",
      grants,
      [],
      { MULTIBINDER_SOCK: daemon.sock },
    );
    await service.output.next("listening");
    using web = await bind("127.0.0.1", 0, { sock: daemon.sock });
    using conn = await connectTo(web);
    await conn.write(new TextEncoder().encode("echo"));
    const bytes = new Uint8Array(4);
    assertEquals(await conn.read(bytes), 4);
    assertEquals(new TextDecoder().decode(bytes), "echo");
    service.signal("SIGTERM");
    const { errors } = await service.end();
    assertEquals(errors.includes("accept(2) does"), fallsBack);
  });
}

for (const grants of [["--allow-net"], NATIVE]) {
  const fallsBack = grants === NATIVE;
  Deno.test(`a UNIX socket under ${grants} is served${fallsBack ? " with node:http" : ""}`, async () => {
    await using scratch = await Scratch.make();
    using web = listeningUnix(scratch.join("web.sock"));
    // The child has it under the same number.
    await using service = start(
      "tests/serve/serve_descriptor.ts",
      grants,
      [`${web.fd}`],
    );
    await service.output.next("serving");
    assertEquals((await get(web)).body, "from a descriptor");
    service.signal("SIGKILL");
    const { errors } = await service.end();
    assertEquals(errors.includes("--allow-net does); node:http"), fallsBack);
    if (!fallsBack) assertEquals(errors, "");
    else assertStringIncludes(errors, "Deno.serve cannot use");
  });
}
