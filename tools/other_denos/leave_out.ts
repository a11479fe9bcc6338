/**
 * Loaded before each test file by another Deno: a test that is left out is not
 * registered, and a name that no test has is an error.
 * @module
 */

import { fromFileUrl, relative } from "@std/path";
import { isOlder } from "../../ffi/libc/deno_version.ts";
import { LEFT_OUT as ON_AARCH64 } from "../aarch64/selection.ts";
import { leftOutIn } from "../versions/selection.ts";

const tree = fromFileUrl(new URL("../..", import.meta.url));
const file = relative(tree, fromFileUrl(Deno.mainModule));
const all = Deno.build.arch === "aarch64"
  ? ON_AARCH64
  : leftOutIn(Deno.version.deno);
const waiting = new Set(Object.keys(all[file] ?? {}));

// Before Deno 2.8 the sanitizer calls a library that stays open a leak.
const sanitizer = isOlder("2.8.0")
  ? { sanitizeResources: false, sanitizeOps: false }
  : {};

/** The test that these arguments of `Deno.test` register. */
function definitionOf(args: readonly unknown[]): Partial<Deno.TestDefinition> {
  return Object.assign(
    {},
    ...args.map((each) => {
      if (typeof each === "string") return { name: each };
      return typeof each === "function" ? { fn: each } : each;
    }),
  );
}

const test = new Proxy(Deno.test, {
  apply(register, self, args) {
    const definition = definitionOf(args);
    const { name } = definition;
    if (name !== undefined && waiting.delete(name)) return;
    Reflect.apply(register, self, [{ ...sanitizer, ...definition }]);
  },
});
Object.defineProperty(Deno, "test", { value: test });
addEventListener("load", () => {
  for (const name of waiting) {
    throw new Error(
      `${file} has no test "${name}": see the selection.ts that leaves it out`,
    );
  }
});
