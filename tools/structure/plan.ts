/**
 * The plan of the house: who may import whom (docs/architecture.md).
 * @module
 */

import type { Plan } from "./problems.ts";

/** See {@linkcode Plan}. */
export const PLAN: Plan = {
  layers: [
    ["mod.ts", "multibinder.ts"],
    ["server.ts", "client.ts", "haproxy/mod.ts"],
    ["haproxy/"],
    ["server/", "client/"],
    ["supervisor/"],
    ["protocol.ts", "address.ts", "duration.ts", "version.ts"],
    ["ffi/"],
  ],
  entries: ["mod.ts", "haproxy/mod.ts", "multibinder.ts"],
  mostFiles: 15,
  doors: {},
};
