/**
 * Addresses that nobody else on this machine uses.
 *
 * @module
 */

/**
 * An address of the loopback network, so that a test may take any port: one of
 * millions, and other tests bind the first few.
 */
export function loopbackHost(): string {
  const [one, two, three] = crypto.getRandomValues(new Uint8Array(3));
  return `127.${1 + one! % 254}.${two}.${1 + three! % 254}`;
}
