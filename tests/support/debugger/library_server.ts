/**
 * A program that serves with the library. `serve` is the daemon in this program,
 * `ignore` a program that calls `ignoreSigusr1`.
 */
import { ignoreSigusr1, serve } from "../../../mod.ts";

const [what, path = ""] = Deno.args;
if (what === "serve") serve({ path });
else ignoreSigusr1();
console.log("serving");
// Deno sets its handler half a second after the start.
setTimeout(() => console.log("a second later"), 1_000);
setInterval(() => {}, 60_000);
