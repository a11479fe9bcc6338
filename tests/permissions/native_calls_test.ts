import { assert, assertEquals } from "@std/assert";
import { productSources, type Source } from "../support/permissions/sources.ts";

const sources = await productSources();

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

Deno.test("no module uses a pointer API, which needs unscoped FFI permission", () => {
  assertEquals(containing(/\bUnsafe(Pointer|Callback|FnPointer)/, /^$/), []);
});
