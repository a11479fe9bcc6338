/**
 * A client program that binds once and prints the result.
 *
 * @module
 */
import { bind } from "../../../client.ts";

async function outcome(): Promise<Record<string, unknown>> {
  try {
    using web = await bind("127.0.0.1", 0);
    return { addr: web.addr };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { name, message } = error;
    return { name, message, ..."code" in error && { code: error.code } };
  }
}

console.log(JSON.stringify(await outcome()));
