/** Answers a request, like a handler of `Deno.serve`. */
export type ServeHandler = Deno.ServeHandler<Deno.Addr>;
