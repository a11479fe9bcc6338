/**
 * The daemon of multibinder, which binds listening sockets for other programs,
 * and the client, which receives them.
 *
 * ```ts no-eval
 * import { bind, serve } from "jsr:@multibinder/multibinder";
 *
 * await using server = serve({ path: "/run/multibinder.sock" });
 * using web = await bind("127.0.0.1", 8000, { sock: server.path });
 * ```
 *
 * @module
 */
export * from "./client.ts";
export * from "./server.ts";
