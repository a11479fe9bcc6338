/**
 * Boots a machine, prints its shared directory and waits to be killed.
 *
 * @module
 */
import { Machine } from "./machine.ts";

const machine = await Machine.start();
console.log(machine.shared);
await new Promise((resolve) => setTimeout(resolve, 600_000));
await machine[Symbol.asyncDispose]();
