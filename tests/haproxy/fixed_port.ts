/**
 * A port that a template can name: below those that the kernel gives out, and
 * another one in every test program.
 */
export const FIXED_PORT = 20_000 + Deno.pid % 10_000;
