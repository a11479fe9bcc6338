/** A program that serves on the descriptor in its argument. */
import { Binding } from "../../../client.ts";

const web = Binding.from(Number(Deno.args[0]));
web.serve(() => new Response("from a descriptor"));
console.log("serving");
