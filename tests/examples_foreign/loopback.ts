/** An address of this machine that nobody else uses: any port of it is free. */
export function loopbackAddress(): string {
  const [one, two] = crypto.getRandomValues(new Uint8Array(2));
  return `127.81.${one}.${two}`;
}
