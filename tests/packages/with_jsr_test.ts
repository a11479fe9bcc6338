import { assertEquals } from "@std/assert";
import { lineStartingWith } from "../support/packages/output_line.ts";

const withJsr = new URL("../../tools/with_jsr.ts", import.meta.url).pathname;

function start(
  code: string,
  env: Record<string, string> = {},
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", withJsr, "eval", code],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

Deno.test("with_jsr exits with the exit code of its command", async () => {
  const child = start("Deno.exit(7)");
  const { code, signal } = await child.output();
  assertEquals([code, signal], [7, null]);
});

Deno.test("with_jsr does not change JSR_URL", async () => {
  const url = "file:///somewhere/else/";
  const child = start("console.log(Deno.env.get('JSR_URL'))", { JSR_URL: url });
  const { stdout } = await child.output();
  assertEquals(new TextDecoder().decode(stdout), `${url}\n`);
});

Deno.test("with_jsr forwards signals to its command", async () => {
  const child = start(`
    Deno.addSignalListener("SIGUSR2", () => Deno.exit(12));
    setInterval(() => {}, 60_000);
    console.log("ready");
  `);
  const { ended } = await lineStartingWith(child.stdout, "ready");
  child.kill("SIGUSR2");
  assertEquals((await child.status).code, 12);
  await ended;
});

Deno.test("with_jsr is killed by the signal that killed its command", async () => {
  const child = start(`
    setInterval(() => {}, 60_000);
    console.log("ready");
  `);
  const { ended } = await lineStartingWith(child.stdout, "ready");
  child.kill("SIGTERM");
  assertEquals((await child.status).signal, "SIGTERM");
  await ended;
});
