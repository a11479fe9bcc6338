import { assertEquals, assertStringIncludes } from "@std/assert";
import { runClient } from "../support/client_program.ts";
import { Daemon } from "../support/daemon.ts";
import { lacks } from "../support/foreign_program.ts";
import { Scratch } from "../support/tree.ts";
import { PYTHON, Supervised } from "../support/run/supervised.ts";

const ignore = await lacks(PYTHON);
const permissions = ["--allow-read"];

Deno.test({
  name: "--watch reloads when a file is written, and when it is replaced",
  ignore,
  fn: async () => {
    await using watched = await Scratch.make();
    const file = watched.join("app.py");
    await Deno.writeTextFile(file, "1");
    await using service = await Supervised.serving(undefined, {
      options: ["--ready", "notify", "--watch", file],
      permissions,
    });
    await service.plan({ name: "v2", ready: "notify" });
    await Deno.writeTextFile(watched.join("other.py"), "2");
    await Deno.writeTextFile(file, "2");
    await service.says(`reload: ${file} has changed`);
    await service.says("generation 2: ready");
    // Until the old generation has ended, it may answer too.
    await service.says("generation 1: process");
    assertEquals((await service.ask()).name, "v2");
    await Deno.rename(watched.join("other.py"), file);
    await service.says(`reload: ${file} has changed`);
    await service.says("generation 3: ready");
  },
});

Deno.test({
  name: "--watch reloads when anything in a directory changes",
  ignore,
  fn: async () => {
    await using watched = await Scratch.make();
    await Deno.mkdir(watched.join("deep"));
    await using service = await Supervised.serving(undefined, {
      options: ["--ready", "notify", "--watch", watched.path],
      permissions,
    });
    await Deno.writeTextFile(watched.join("deep/new.py"), "2");
    await service.says(`reload: ${watched.join("deep/new.py")} has changed`);
    await service.says("generation 2: ready");
  },
});

/** `run` with `--watch`; the path is relative to a new directory. */
async function watching(
  watched: Scratch,
  path: string,
): Promise<Supervised> {
  return await Supervised.serving(undefined, {
    options: ["--ready", "notify", "--watch", watched.join(path)],
    permissions,
  });
}

/**
 * Makes a change and waits for the one reload that follows. The steps of a change
 * are synchronous: a pause between them would be two changes.
 */
async function oneReload(
  service: Supervised,
  change: () => Promise<void> | void,
): Promise<void> {
  const reloads = () =>
    service.program.errors.text.match(/reload: /g)?.length ?? 0;
  const before = reloads();
  await change();
  await service.says("reload: ");
  await service.says(": ready");
  await service.says(": process");
  assertEquals(reloads(), before + 1, service.program.errors.text);
}

Deno.test({
  name:
    "--watch: a directory that is removed and made anew, again and again: a reload for each change",
  ignore,
  fn: async () => {
    await using watched = await Scratch.make();
    await Deno.mkdir(watched.join("dist"));
    await using service = await watching(watched, "dist");
    for (let turn = 0; turn < 3; turn++) {
      await oneReload(service, () => {
        Deno.removeSync(watched.join("dist"), { recursive: true });
        Deno.mkdirSync(watched.join("dist"));
        Deno.writeTextFileSync(watched.join("dist/a"), "");
      });
      await oneReload(
        service,
        () => Deno.writeTextFile(watched.join("dist/a"), `${turn}`),
      );
    }
  },
});

Deno.test({
  name:
    "--watch: a path that is removed is reported once it exists again, also if it is a directory above it",
  ignore,
  fn: async () => {
    await using watched = await Scratch.make();
    await Deno.mkdir(watched.join("app/dist"), { recursive: true });
    await Deno.writeTextFile(watched.join("app/dist/main.py"), "1");
    await using service = await watching(watched, "app/dist/main.py");
    await oneReload(service, async () => {
      await Deno.remove(watched.join("app"), { recursive: true });
      // Longer than changes take to settle: no reload may come of it.
      await new Promise((resolve) => setTimeout(resolve, 300));
      await Deno.mkdir(watched.join("app/dist"), { recursive: true });
      await Deno.writeTextFile(watched.join("app/dist/main.py"), "2");
    });
    await oneReload(
      service,
      () => Deno.writeTextFile(watched.join("app/dist/main.py"), "3"),
    );
    await oneReload(service, () => {
      Deno.removeSync(watched.join("app/dist/main.py"));
      Deno.writeTextFileSync(watched.join("app/dist/main.py"), "4");
    });
  },
});

Deno.test({
  name:
    "--watch: a symbolic link that is repointed, and then a change behind it, and behind the old target none",
  ignore,
  fn: async () => {
    await using watched = await Scratch.make();
    for (const release of ["r1", "r2", "r3"]) {
      await Deno.mkdir(watched.join(release));
    }
    await Deno.symlink("r1", watched.join("current"));
    await using service = await watching(watched, "current");
    await oneReload(service, () => {
      Deno.symlinkSync("r2", watched.join("next"));
      Deno.renameSync(watched.join("next"), watched.join("current"));
    });
    await Deno.writeTextFile(watched.join("r1/old"), "");
    await oneReload(
      service,
      () => Deno.writeTextFile(watched.join("r2/new"), ""),
    );
    await oneReload(service, () => {
      Deno.removeSync(watched.join("current"));
      Deno.symlinkSync(watched.join("r3"), watched.join("current"));
    });
    await oneReload(
      service,
      () => Deno.writeTextFile(watched.join("r3/new"), ""),
    );
  },
});

Deno.test({
  name:
    "--watch: a link in the middle of the path, and a directory that is renamed over",
  ignore,
  fn: async () => {
    await using watched = await Scratch.make();
    for (const release of ["r1", "r2", "r3"]) {
      await Deno.mkdir(watched.join(`${release}/dist`), { recursive: true });
    }
    await Deno.symlink("r1", watched.join("current"));
    await using service = await watching(watched, "current/dist");
    await oneReload(service, () => {
      Deno.symlinkSync("r2", watched.join("next"));
      Deno.renameSync(watched.join("next"), watched.join("current"));
    });
    await oneReload(service, () => {
      Deno.renameSync(watched.join("r3/dist"), watched.join("r2/dist"));
    });
    await oneReload(
      service,
      () => Deno.writeTextFile(watched.join("r2/dist/a"), ""),
    );
  },
});

Deno.test({
  name:
    "--watch with the permission to read one directory: what is below it is followed",
  ignore,
  fn: async () => {
    await using watched = await Scratch.make();
    await Deno.mkdir(watched.join("dist"));
    await using service = await Supervised.serving(undefined, {
      options: ["--ready", "notify", "--watch", watched.join("dist")],
      permissions: [`--allow-read=${watched.path}`],
    });
    await oneReload(service, () => {
      Deno.removeSync(watched.join("dist"));
      Deno.mkdirSync(watched.join("dist"));
    });
    await oneReload(
      service,
      () => Deno.writeTextFile(watched.join("dist/a"), ""),
    );
  },
});

Deno.test("a path to watch that does not exist is an error", async () => {
  await using daemon = await Daemon.start();
  const { code, errors } = await runClient(
    daemon,
    ["run", "--watch", "/no/such/path", "127.0.0.1:0", "--", "sleep", "600"],
    { permissions },
  );
  assertEquals(code, 1);
  assertStringIncludes(errors, "--watch /no/such/path: it does not exist");
});
