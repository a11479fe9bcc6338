/** Answers a request; as for `Deno.serve`. */
export type ServeHandler = Deno.ServeHandler<Deno.Addr>;
