/** Whether a version of Deno, such as `2.9.6`, comes before another one. */
export function isOlder(
  than: string,
  running: string = Deno.version.deno,
): boolean {
  const numbers = (text: string) => text.split(/[.+-]/).map(Number);
  const [given, least] = [numbers(running), numbers(than)];
  const at = least.findIndex((each, index) => each !== given[index]);
  return at !== -1 && given[at]! < least[at]!;
}
