import { assert, assertEquals } from "@std/assert";
import { importsOf, productSources, type Source } from "./sources.ts";

const sources = await productSources();

function violations(
  from: RegExp,
  allowed: RegExp,
): string[] {
  return sources.filter(({ path }) => from.test(path)).flatMap((source) =>
    importsOf(source).filter((each) => !allowed.test(each))
      .map((each) => `${source.path} imports ${each}`)
  );
}

const RULES: [rule: string, from: RegExp, allowed: RegExp][] = [
  ["ffi/ imports nothing above it", /^ffi\//, /^ffi\//],
  [
    "protocol.ts, address.ts and exchange.ts import each other and ffi/",
    /^(protocol|address|exchange)\.ts$/,
    /^(protocol|address)\.ts$|^ffi\//,
  ],
  [
    "supervisor/ imports ffi/ and what all share",
    /^supervisor\//,
    /^(supervisor|ffi)\/|^(protocol|address|duration)\.ts$|^@std\//,
  ],
  [
    "server/ imports nothing of client/",
    /^server\//,
    /^(server|ffi)\/|^(protocol|address|duration|exchange|version)\.ts$|^@std\//,
  ],
  [
    "client/ imports nothing of server/",
    /^client\//,
    /^(client|supervisor|ffi)\/|^(protocol|address|duration|exchange|version)\.ts$|^(@std\/|node:)/,
  ],
  [
    "the binary's face imports the command line of each side",
    /^multibinder\.ts$/,
    /^(server|client)\/command_line\.ts$|^version\.ts$/,
  ],
];

for (const [rule, from, allowed] of RULES) {
  Deno.test(rule, () => {
    assert(sources.some((source) => from.test(source.path)));
    assertEquals(violations(from, allowed), []);
  });
}

function containing(text: RegExp, except: RegExp): string[] {
  return sources.filter(({ path, code }) =>
    text.test(code) && !except.test(path)
  )
    .map(({ path }: Source) => path);
}

Deno.test("only ffi/ opens libraries", () => {
  assertEquals(containing(/\bdlopen\b/, /^ffi\//), []);
  assert(containing(/\bDeno\.dlopen\b/, /^server\//).length > 0);
});

Deno.test("nothing uses a pointer API, which a scoped grant refuses", () => {
  assertEquals(containing(/\bUnsafe(Pointer|Callback|FnPointer)/, /^$/), []);
});

Deno.test("every published file was looked at", () => {
  const paths = sources.map(({ path }) => path);
  for (const source of sources) {
    for (const imported of importsOf(source)) {
      if (!imported.endsWith(".ts") || imported === "version.ts") continue;
      assert(paths.includes(imported), `${source.path} imports ${imported}`);
    }
  }
});
