/**
 * The ways of serving: everything that holds for one holds for the other.
 *
 * @module
 */
import type { Binding, ServeHandler, ServeOptions } from "../../client.ts";
import { listen } from "../../client/listen.ts";
import type { SharedListener } from "../../client/listen.ts";
import { serve } from "../../client/serve.ts";
import { STEPS, type Steps } from "../../ffi/adopt.ts";

/** Steps of an adoption of which the first fails. */
export const NO_ADOPTION: Steps = {
  ...STEPS,
  locate: () => {
    throw new Error("told to by a test");
  },
};

/** One way. */
export interface Way {
  readonly name: string;
  /** Whether it is Deno's own server. */
  readonly native: boolean;
  serve(
    binding: Binding,
    handler: ServeHandler,
    options?: ServeOptions,
  ): Deno.HttpServer;
  listen(binding: Binding): SharedListener;
}

function way(name: string, native: boolean, steps: Steps): Way {
  return {
    name,
    native,
    serve: (binding, handler, options = {}) =>
      serve(binding, handler, options, steps),
    listen: (binding) => listen(binding, steps),
  };
}

/** Both. */
export const WAYS: readonly Way[] = [
  way("native", true, STEPS),
  way("stand-in", false, NO_ADOPTION),
];
