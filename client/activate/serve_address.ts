/**
 * DENO_SERVE_ADDRESS, by which an operator moves the server of a program.
 *
 * @module
 */
import { environmentVariable } from "../../ffi/processes/process.ts";
import { SERVE_ADDRESS_VARIABLE } from "../binding/serve.ts";
import { type ListenAddress, listenAddress } from "./listen_address.ts";
import { isConfigured } from "./shared_sockets.ts";

let isTaken = false;

/**
 * Where Deno listens instead of at the address of the first call of `Deno.serve`:
 * `tcp:127.0.0.1:8000` or `unix:/run/web.sock`. `own` if that is up to Deno
 * alone, such as `vsock:...` or a second address (`duplicate,...`).
 */
export function takeServeAddress(): ListenAddress | "own" | undefined {
  if (isTaken || !isConfigured()) return undefined;
  isTaken = true;
  const text = serveAddress();
  if (text === undefined || text === "") return undefined;
  const [, host, port, path] = /^(?:tcp:(.+):(\d+)|unix:(.+))$/s.exec(text) ??
    [];
  return listenAddress(host, port, path) ?? "own";
}

function serveAddress(): string | undefined {
  try {
    return environmentVariable(SERVE_ADDRESS_VARIABLE);
  } catch {
    // Without the C library no socket is shared, which is reported elsewhere.
    return undefined;
  }
}
