/**
 * Loaded before each test file: what selection.ts leaves out is not registered,
 * and a name there that no test has is an error.
 * @module
 */

import { fromFileUrl, relative } from "@std/path";
import { LEFT_OUT } from "./selection.ts";

const tree = fromFileUrl(new URL("../..", import.meta.url));
const file = relative(tree, fromFileUrl(Deno.mainModule));
const waiting = new Set(Object.keys(LEFT_OUT[file] ?? {}));

/** The name of the test that these arguments of `Deno.test` register. */
function nameOf(args: readonly unknown[]): string | undefined {
  for (const each of args) {
    if (typeof each === "string") return each;
    if (typeof each === "object" && each !== null && "name" in each) {
      return String(each.name);
    }
  }
  return undefined;
}

if (waiting.size > 0) {
  const test = new Proxy(Deno.test, {
    apply(register, self, args) {
      const name = nameOf(args);
      if (name === undefined || !waiting.delete(name)) {
        Reflect.apply(register, self, args);
      }
    },
  });
  Object.defineProperty(Deno, "test", { value: test });
  addEventListener("load", () => {
    for (const name of waiting) {
      throw new Error(`tools/aarch64/selection.ts: ${file} has no "${name}"`);
    }
  });
}
