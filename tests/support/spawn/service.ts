/** A program that serves on the socket named web. */
import { inherited } from "../../../client.ts";

const [web] = inherited("web");
if (web === undefined) throw new Error("no socket named web");
web.serve(() => new Response(`${web.name} at ${web.fd}`));
console.log("serving");
