/**
 * What has to come back to somebody who may, and to somebody who may not.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode } from "../../../protocol.ts";
import type { OtherUser } from "./other_user.ts";

/** The bind is granted: what the descriptor refers to, `socket:[123]`. */
export async function assertBinds(
  who: OtherUser,
  params: unknown,
): Promise<string> {
  const { answer, descriptors } = await who.ask("bind", [params]);
  assertEquals([answer.result, answer.error], [true, undefined]);
  assertEquals(descriptors.length, 1);
  return descriptors[0]!;
}

/** It is denied by that rule, with no descriptor. */
export async function assertDenied(
  who: OtherUser,
  method: string,
  params?: unknown,
  rule = "no rule",
): Promise<void> {
  const { answer, descriptors } = await who.ask(
    method,
    params === undefined ? undefined : [params],
  );
  const asked = JSON.stringify([method, params, answer]);
  assertEquals(answer.error?.code, ErrorCode.DENIED, asked);
  assertStringIncludes(answer.error!.message, `by ${rule}`);
  assertEquals([answer.result, descriptors], [undefined, []]);
}
