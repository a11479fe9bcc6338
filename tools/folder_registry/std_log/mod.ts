/**
 * Stand-in for `@std/log` 0.224, of which npm has no copy: the names this
 * project uses. Only the closed-network folder registry serves it, as
 * `@std/log`; nothing imports it by path, and it is never published.
 * @module
 */
export * from "./base_handler.ts";
export * from "./levels.ts";
export * from "./logger.ts";
