/** What this project uses of `@std/path/posix`. */
export { basename } from "./basename.d.ts";
export { dirname } from "./dirname.d.ts";
export { join } from "./join.d.ts";
export function resolve(...pathSegments: string[]): string;
