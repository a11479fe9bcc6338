/**
 * The commands and messages of docs/haproxy.md.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { runWrapper } from "../support/haproxy/wrapped.ts";
import { loopbackHost, OwnPort } from "../support/loopback.ts";
import { Sandbox } from "../support/pages/sandbox.ts";
import { Lines, within } from "../support/program.ts";
import { Scratch, treePath } from "../support/tree.ts";

const ignore = await lacks("haproxy", "bash", "sed");

const DOCUMENT = await Deno.readTextFile(treePath("docs/haproxy.md"));

/** The text of a section, without its subsections. */
function section(heading: string): string {
  const [, text] = DOCUMENT.split(`\n${heading}\n`);
  assert(text !== undefined, `docs/haproxy.md has no ${heading}`);
  return text.split(/\n##+ /)[0]!;
}

/** The contents of the fenced blocks of a language, in order. */
function blocks(text: string, language: string): string[] {
  const fenced = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "gm");
  return [...text.matchAll(fenced)].map(([, block]) => block!);
}

/** A shell with typed commands. `await using` ends what it has started. */
class Shell implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly output: Lines;
  readonly errors: Lines;

  constructor(cwd: string, env: Record<string, string>) {
    this.#child = new Deno.Command("bash", {
      cwd,
      env: { NO_COLOR: "1", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.output = new Lines(this.#child.stdout);
    this.errors = new Lines(this.#child.stderr);
  }

  /** Writes to the input of the shell. */
  async type(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${text}\n`));
  }

  /** Ends the input, and waits for the end of the output. */
  async end(): Promise<void> {
    await this.#writer.close();
    await within(this.#child.status, "the end of the shell");
    await this.output.all();
    await this.errors.all();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.type("kill $(jobs -p)");
      await this.end();
    } catch {
      // It has already ended.
    }
  }
}

Deno.test({
  name: "the commands of docs/haproxy.md reload HAProxy without a lost request",
  ignore,
  fn: async () => {
    const commands = blocks(
      section("## From nothing to a reload under load"),
      "sh",
    );
    assertEquals(commands.length, 6);
    const [daemon, template, wrapper, load, reload, end] = commands;
    await using sandbox = await Sandbox.make();
    await using shell = new Shell(sandbox.work("."), sandbox.env);
    const address = loopbackHost();
    using own = OwnPort.take();
    const type = (command?: string) =>
      shell.type(
        command!.replaceAll("127.0.0.1", address)
          .replaceAll("8080", String(own.number)),
      );
    await type(daemon);
    await type(template);
    await type(wrapper);
    await shell.errors.next("is ready");
    await type(load);
    await shell.output.next("first: ");
    await type(reload);
    // Without connections to drain, the old HAProxy may already have ended.
    await shell.errors.next("is ready");
    const seen = await shell.output.next("second: ");
    assert(seen.includes("first: "), seen);
    const { text } = shell.output;
    assert(!text.includes("lost"), text);
    await type(end);
    await shell.end();
    const [last] = shell.errors.text.split("\n")
      .filter((line) => line.includes("multibinder-haproxy")).slice(-1);
    assert(last?.endsWith("ended with exit code 0"), shell.errors.text);
  },
});

/** Replaces numbers that depend on the run and on the version of HAProxy. */
function withoutNumbers(errors: string): string {
  return errors.replaceAll(/\((\d+)\) :/g, "(4711) :")
    .replace(/(haproxy version is) \S+/, "$1 2.6.12")
    .replace(/(path to executable is) \S+/, "$1 /usr/sbin/haproxy");
}

const errorSection = section("### Errors");
const reports = blocks(errorSection, "text");

for (const [index, text] of blocks(errorSection, "erb").entries()) {
  const report = reports[index]!;
  Deno.test({
    name: `docs/haproxy.md quotes the error as it is printed: ${
      report.split("\n")[0]
    }`,
    ignore,
    fn: async () => {
      await using daemon = await Daemon.start();
      await using scratch = await Scratch.make();
      await Deno.writeTextFile(scratch.join("web.cfg.erb"), text);
      const { code, errors } = await runWrapper(
        daemon.sock,
        ["-f", "web.cfg.erb"],
        { cwd: scratch.path },
      );
      assertEquals(code, 1);
      assertEquals(withoutNumbers(errors), report.trimEnd());
    },
  });
}
