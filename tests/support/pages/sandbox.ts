/**
 * A directory in which the commands of a page run as a reader types them: with
 * the installed commands in PATH, and addresses and paths that no other program
 * uses.
 *
 * @module
 */
import { dirname } from "@std/path";
import { stagePackages } from "../../../tools/stage_packages.ts";
import { loopbackHost } from "../loopback.ts";
import { Program } from "../program.ts";
import { libcPath, Scratch, treePath } from "../tree.ts";
import { commandsOf, pages } from "./shell_blocks.ts";

/** The C library in the commands of the pages. */
const LIBC = "/lib/x86_64-linux-gnu/libc.so.6";

/** Commands for a clone of the repository. */
const IN_CLONE = / imports\.json |^deno task /;

/** The sandbox of one page. */
export class Sandbox implements AsyncDisposable {
  /** A host of the loopback network for `127.0.0.1`. */
  readonly host = loopbackHost();
  readonly #env: Record<string, string>;

  private constructor(
    readonly scratch: Scratch,
    env: Record<string, string>,
  ) {
    this.#env = env;
  }

  /** Makes one, with the programs installed as docs/installing.md says. */
  static async make(): Promise<Sandbox> {
    const scratch = await Scratch.make();
    await stagePackages(scratch.join("jsr"));
    const sandbox = new Sandbox(scratch, {
      JSR_URL: `file://${scratch.path}/jsr/`,
      DENO_INSTALL_ROOT: scratch.path,
      PATH: [
        scratch.join("bin"),
        dirname(Deno.execPath()),
        Deno.env.get("PATH") ?? "",
        "/usr/sbin",
      ].join(":"),
    });
    await Deno.mkdir(scratch.join("work"));
    await sandbox.#install();
    await sandbox.#writeFiles();
    return sandbox;
  }

  /** A file of the reader. */
  work(name: string): string {
    return this.scratch.join(`work/${name}`);
  }

  /** The path of the control socket that the pages use. */
  get sock(): string {
    return this.scratch.join("run/multibinder.sock");
  }

  /** A command with the paths and addresses of this sandbox. */
  substitute(command: string): string {
    return command.replaceAll("/run/", `${this.scratch.path}/run/`)
      .replaceAll("/etc/multibinder/", `${this.scratch.path}/work/`)
      .replaceAll("/usr/local/share", this.scratch.join("share"))
      .replaceAll(LIBC, libcPath)
      .replaceAll("--group web", "--group root")
      .replace("install --global", "install --global --force")
      .replaceAll(/(?<!allow-net=)127\.0\.0\.1/g, this.host)
      .replaceAll(/(?<= |=):(?=\d{4}\b)/g, `${this.host}:`);
  }

  /** The variables of its commands. */
  get env(): Readonly<Record<string, string>> {
    return { MULTIBINDER_SOCK: this.sock, ...this.#env };
  }

  /** Remembers `export NAME=VALUE`. */
  setVariable(name: string, value: string): void {
    this.#env[name] = value;
  }

  /** Starts a command in bash. */
  start(command: string): Program {
    return Program.start("bash", {
      args: ["-c", command],
      cwd: IN_CLONE.test(command) ? treePath("") : this.scratch.join("work"),
      env: this.env,
    });
  }

  async #install(): Promise<void> {
    await Deno.mkdir(this.scratch.join("run"));
    const page = await Deno.readTextFile(treePath("docs/installing.md"));
    const [, block = ""] = /^```sh\n([^]*?)^```$/m.exec(page) ?? [];
    for (const command of commandsOf(block)) {
      await using install = this.start(this.substitute(command));
      const { code, errors } = await install.end();
      if (code !== 0) throw new Error(`${command}: ${errors}`);
    }
    // The binary of deno task compile.
    await Deno.writeTextFile(
      this.scratch.join("bin/multibinder"),
      `#!/bin/sh\nexec deno run --config ${treePath("deno.json")} -A ${
        treePath("multibinder.ts")
      } "$@"\n`,
      { mode: 0o755 },
    );
  }

  /** Files that the pages show or presuppose. */
  async #writeFiles(): Promise<void> {
    for (const page of await pages()) {
      const text = await Deno.readTextFile(treePath(page));
      for (
        const [, code] of text.matchAll(
          /^```ts[^\n]*\n(\/\/ service\.ts\n[^]*?)^```$/gm,
        )
      ) {
        await Deno.writeTextFile(
          this.work("service.ts"),
          this.substitute(code!),
        );
      }
    }
    const policy = await Deno.readTextFile(treePath("docs/policy.md"));
    const [, rules = ""] = /^```jsonc\n([^]*?)^```$/m.exec(policy) ?? [];
    await Deno.writeTextFile(
      this.work("policy.jsonc"),
      rules.replaceAll('"group": "web"', '"group": "root"')
        .replaceAll('"haproxy", 997', '"root", 997'),
    );
    await Deno.writeTextFile(this.work("app.py"), APPLICATION);
    for (const [name, port] of [["main.ts", 8000], ["api.ts", 8003]] as const) {
      const options = JSON.stringify({ hostname: this.host, port });
      await Deno.writeTextFile(
        this.work(name),
        `Deno.serve(${options}, () => new Response("hello"));\n`,
      );
    }
    await Deno.writeTextFile(
      this.work("app.ts"),
      `export default { fetch: () => new Response("hello") };\n`,
    );
    await Deno.copyFile(
      treePath("examples/node/server.mjs"),
      this.work("server.mjs"),
    );
    await Deno.writeTextFile(
      this.work("web.cfg.erb"),
      TEMPLATE.replace("HOST", this.host),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scratch[Symbol.asyncDispose]();
  }
}

const APPLICATION = `def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]

app = application
`;

const TEMPLATE = `defaults
    mode http
    timeout client 30s
    timeout connect 5s
    timeout server 30s
frontend web
    bind <%= bind_tcp('HOST', 8080) %>
    http-request return status 200 content-type text/plain string "hello"
`;
