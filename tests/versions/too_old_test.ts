import { assertEquals } from "@std/assert";
import { treePath } from "../support/tree.ts";
import {
  denoOf,
  REFUSAL,
  TOO_OLD,
} from "../support/versions/other_versions.ts";

async function run(
  args: readonly string[],
): Promise<{ code: number; output: string; errors: string }> {
  const cache = await Deno.makeTempDir({ prefix: "multibinder-too-old-" });
  try {
    const { code, stdout, stderr } = await new Deno.Command(denoOf(TOO_OLD), {
      args: [...args],
      // Versions that share a cache delete each other's files.
      env: { DENO_DIR: cache, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      cwd: treePath("."),
    }).output();
    const [output, errors] = [stdout, stderr].map((bytes) =>
      new TextDecoder().decode(bytes)
    );
    return { code, output: output!, errors: errors! };
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  "the daemon": ["server.ts", "/no/such/place/control.sock"],
  "the client": ["client.ts", "list"],
  "the HAProxy wrapper": ["haproxy/mod.ts", "-V"],
  "the binary's program": ["multibinder.ts", "server", "-V"],
};

for (const [name, args] of Object.entries(PROGRAMS)) {
  Deno.test(`${name} on Deno ${TOO_OLD} prints one line with the version it needs, and exits with 1`, async () => {
    const { code, output, errors } = await run(["run", "-q", "-A", ...args]);
    assertEquals({ code, output, errors }, {
      code: 1,
      output: "",
      errors: `${REFUSAL}\n`,
    });
  });
}

for (const entry of ["mod.ts", "server.ts", "client.ts", "haproxy/mod.ts"]) {
  Deno.test(`${entry} imported on Deno ${TOO_OLD} is an UnsupportedPlatformError`, async () => {
    const script = `
      import { UnsupportedPlatformError } from ${
      JSON.stringify(treePath("ffi/libc/abi.ts"))
    };
      try {
        await import(${JSON.stringify(treePath(entry))});
      } catch (error) {
        console.log(error instanceof UnsupportedPlatformError, error.message);
      }
    `;
    const path = treePath(`.too_old_${crypto.randomUUID()}.ts`);
    await Deno.writeTextFile(path, script);
    try {
      const { output } = await run(["run", "-q", "-A", path]);
      assertEquals(output, `true ${REFUSAL}\n`);
    } finally {
      await Deno.remove(path);
    }
  });
}
