/**
 * Raw `list` and `release` requests.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Answer, BindDescription, BindParams } from "../../../protocol.ts";
import { ask, requestText } from "../raw_connection.ts";

/** The answer to `list`. */
export async function listOf(sock: string): Promise<BindDescription[]> {
  const { id, jsonrpc, error, result } = await ask(
    sock,
    requestText("l", "list"),
  );
  assertEquals({ id, jsonrpc, error }, {
    id: "l",
    jsonrpc: "2.0",
    error: undefined,
  });
  if (!Array.isArray(result)) throw new Error(`a list is ${result}`);
  return result;
}

/** The answer to `release`. */
export async function release(
  sock: string,
  params: BindParams,
): Promise<Answer> {
  return await ask(sock, requestText("r", "release", [params]));
}
