import { assertEquals, assertStringIncludes } from "@std/assert";
import { runClient, startClient } from "../support/client_program.ts";
import { Daemon, MINIMAL_FLAGS } from "../support/daemon.ts";
import { Program } from "../support/program.ts";
import { Scratch, treePath } from "../support/tree.ts";

/** A server of a release: it says where it runs. */
const SERVER =
  '#!/bin/sh\necho "$(cat name) in $(/bin/pwd -P), PWD $PWD"\nexec sleep 600\n';

/** Releases r1 and r2, and the link `current` to r1. */
async function makeReleases(): Promise<Scratch> {
  const scratch = await Scratch.make();
  for (const name of ["r1", "r2"]) {
    await Deno.mkdir(scratch.join(name));
    await Deno.writeTextFile(scratch.join(`${name}/name`), name);
    await Deno.writeTextFile(scratch.join(`${name}/server`), SERVER, {
      mode: 0o755,
    });
  }
  await Deno.symlink("r1", scratch.join("current"));
  return scratch;
}

/** Repoints `current` in one step. */
async function repoint(scratch: Scratch, release: string): Promise<void> {
  await Deno.symlink(release, scratch.join("next"));
  await Deno.rename(scratch.join("next"), scratch.join("current"));
}

function command(...options: string[]): string[] {
  const ready = ["--ready", "delay:50ms"];
  return ["run", ...ready, ...options, "127.0.0.1:0", "--", "./server"];
}

Deno.test("--chdir: a link that was repointed starts the new release at SIGHUP, by a relative COMMAND", async () => {
  await using daemon = await Daemon.start();
  await using scratch = await makeReleases();
  await using run = startClient(
    daemon,
    command("--chdir", scratch.join("current")),
  );
  const [r1, r2] = [scratch.join("r1"), scratch.join("r2")];
  assertEquals(await run.output.next("r1"), `r1 in ${r1}, PWD ${r1}`);
  assertStringIncludes(await run.errors.next("started"), `in ${r1}`);
  await run.errors.next("generation 1: ready");
  await repoint(scratch, "r2");
  run.signal("SIGHUP");
  assertEquals(await run.output.next("r2"), `r2 in ${r2}, PWD ${r2}`);
  await run.errors.next("generation 2: ready");
  run.signal("SIGTERM");
  assertEquals((await run.end()).signal, "SIGTERM");
});

Deno.test("--chdir and --watch of the link: repointing it is the reload", async () => {
  await using daemon = await Daemon.start();
  await using scratch = await makeReleases();
  const link = scratch.join("current");
  await using run = startClient(
    daemon,
    command("--chdir", link, "--watch", link),
    { permissions: ["--allow-read"] },
  );
  await run.errors.next("generation 1: ready");
  await repoint(scratch, "r2");
  await run.errors.next(`reload: ${link} has changed`);
  await run.output.next(`r2 in ${scratch.join("r2")}`);
  await run.errors.next("generation 2: ready");
  run.signal("SIGTERM");
  assertEquals((await run.end()).signal, "SIGTERM");
});

Deno.test("--chdir: a directory that does not exist is an error at first, and fails a reload", async () => {
  await using daemon = await Daemon.start();
  await using scratch = await makeReleases();
  const missing = scratch.join("missing");
  const reason = `--chdir: chdir ${missing}: No such file or directory`;
  const inRelease = command("--chdir", missing);
  for (const line of [inRelease, [...inRelease.slice(0, -1), "sleep"]]) {
    const { code, errors } = await runClient(daemon, line);
    assertEquals(code, 127);
    assertStringIncludes(errors, reason);
  }

  const link = scratch.join("current");
  await using run = startClient(daemon, command("--chdir", link));
  await run.errors.next("generation 1: ready");
  await repoint(scratch, "missing");
  run.signal("SIGHUP");
  await run.errors.next(`chdir ${link}: No such file or directory`);
  await run.errors.next("reload failed: generation 1 keeps serving");
  run.signal("SIGTERM");
  assertEquals((await run.end()).signal, "SIGTERM");
});

Deno.test("--chdir: a variable that a shell would drop reaches COMMAND, also where run was started by a relative path", async () => {
  await using daemon = await Daemon.start();
  await using scratch = await makeReleases();
  const args = command("--chdir", scratch.join("current"));
  await using run = Program.start(Deno.execPath(), {
    args: ["run", ...MINIMAL_FLAGS, "client.ts", ...args],
    cwd: treePath(""),
    env: { MULTIBINDER_SOCK: daemon.sock, "a.dotted.name": "1" },
  });
  await run.output.next(`r1 in ${scratch.join("r1")}`);
  await run.errors.next("generation 1: ready");
  run.signal("SIGTERM");
  assertEquals((await run.end()).signal, "SIGTERM");
});

Deno.test("--chdir: a file is not a directory", async () => {
  await using daemon = await Daemon.start();
  await using scratch = await makeReleases();
  const file = scratch.join("r1/server");
  const { code, errors } = await runClient(daemon, command("--chdir", file));
  assertEquals(code, 126);
  assertStringIncludes(errors, `chdir ${file}: Not a directory`);
});
