import { fromFileUrl } from "@std/path";

/** A file of this repository, by its path from the root. */
export function treePath(path: string): string {
  return fromFileUrl(new URL(`../../${path}`, import.meta.url));
}
