import {
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { UsageError } from "../../given_options.ts";
import { serveCommand } from "../../client/command/start/serve.ts";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { PRELOAD, Served } from "../support/serve_command/served.ts";
import { libcPath, treePath } from "../support/tree.ts";

const INVALID: readonly [args: string, message: string][] = [
  ["", "an address is missing, such as 127.0.0.1:8000"],
  ["127.0.0.1:1", "the module is missing, such as main.ts"],
  ["127.0.0.1:1 --", "the module is missing, such as main.ts"],
  ["127.0.0.1:1 --workers", "--workers"],
  ["nowhere main.ts", "nowhere"],
  [
    "127.0.0.1:1 unix:/tmp/w main.ts",
    "expected a module, got another address: unix:/tmp/w",
  ],
  [
    "udp://127.0.0.1:1 main.ts",
    "cannot serve udp://127.0.0.1:1: expected a TCP address or unix:PATH",
  ],
  ["seqpacket:/tmp/w main.ts", "cannot serve seqpacket:/tmp/w"],
  ["--cert c 127.0.0.1:1 main.ts", "--cert and --key are needed together"],
  ["127.0.0.1:1 --key=k main.ts", "--cert and --key are needed together"],
  [
    "--cert c --key k unix:/tmp/w main.ts",
    "--cert and --key need a TCP address",
  ],
  ["--ready soon 127.0.0.1:1 main.ts", "invalid --ready soon"],
];

Deno.test("an invalid command line of serve is an error that says what is wrong", () => {
  for (const [args, message] of INVALID) {
    const words = args.split(" ").filter((word) => word !== "");
    assertThrows(() => serveCommand.parse(words), UsageError, message, args);
  }
});

Deno.test("options of serve may come before and after ADDR, also with -- before the module", () => {
  for (
    const args of [
      "--grace 5s 127.0.0.1:1 main.ts",
      "127.0.0.1:1 --grace 5s main.ts --grace x",
      "127.0.0.1:1 --grace=5s -- -A main.ts --grace x",
      "web=127.0.0.1:1 main.ts -- --cert c",
    ]
  ) {
    assertEquals("run" in serveCommand.parse(args.split(" ")), true, args);
  }
});

Deno.test("serve --help names the options of run", async () => {
  const { code, output } = await runClient(undefined, ["serve", "--help"]);
  assertEquals(code, 0);
  for (const option of ["--cert", "--watch", "--chdir", "--grace", "--sock"]) {
    assertStringIncludes(output, option);
  }
});

Deno.test("an option of serve among the arguments of the module is reported once", async () => {
  await using daemon = await Daemon.start();
  await using served = await Served.start(daemon, {
    files: { "main.ts": "export default { fetch: () => new Response() };" },
    module: ["{dir}/main.ts", "--watch", "src"],
  });
  assertEquals(
    await served.says("--watch"),
    "multibinder-client serve: --watch is an argument of MODULE: options of serve go before it",
  );
  const lines: string[] = [];
  do lines.push(await served.says("multibinder-client serve:")); while (
    !lines.at(-1)!.endsWith("generation 1: ready")
  );
  assertEquals(lines.filter((line) => line.includes("--watch")), []);
});

Deno.test("a permission that is missing is named, and so is a certificate that cannot be read", async () => {
  await using daemon = await Daemon.start();
  const files = {
    "main.ts": "export default { fetch: () => new Response() };",
  };
  const libc = `--allow-ffi=${libcPath}`;
  for (
    const [module, says] of [
      [["--", "{dir}/main.ts"], libc],
      [["--", libc, "{dir}/main.ts"], "--allow-net=127.0.0.1"],
      [["--cert=a", "--key={dir}/b", "{dir}/main.ts"], "open a: No such file"],
    ] as const
  ) {
    await using served = await Served.start(daemon, { files, module });
    const line = await served.says("multibinder-serve:");
    assertStringIncludes(line, `multibinder-serve: cannot serve: `);
    assertStringIncludes(line, says);
  }
});

Deno.test("the module of --preload says what is missing if serve does not start it", async () => {
  const run = async (env: Record<string, string>): Promise<string> => {
    await using program = Program.start(Deno.execPath(), {
      args: ["run", "-A", "--no-config", `--preload=${treePath(PRELOAD)}`]
        .concat(treePath("examples/frameworks/hono_module.mjs")),
      env: { DENO_AUTO_SERVE: "", LISTEN_FDS: "0", ...env },
    });
    const { code, errors } = await program.end();
    assertEquals(code, 1, errors);
    return errors;
  };
  assertMatch(
    await run({}),
    /^multibinder-serve: cannot serve: DENO_AUTO_SERVE=1 is not set: start with "multibinder-client serve ADDR MODULE"$/m,
  );
  assertMatch(
    await run({ DENO_AUTO_SERVE: "1" }),
    /^multibinder-serve: cannot serve: expected one passed socket \(LISTEN_FDS\), got 0: /m,
  );
});
