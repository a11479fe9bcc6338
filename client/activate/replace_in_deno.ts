/** Replaces a function of `Deno`. Some of them are accessors from Deno 2.8 on. */
export function replaceInDeno<Name extends keyof typeof Deno>(
  name: Name,
  value: (typeof Deno)[Name],
): void {
  Object.defineProperty(Deno, name, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}
