/**
 * Asserts answers to allowed and denied requests.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ErrorCode } from "../../../protocol.ts";
import type { OtherUser } from "./other_user.ts";

/** Asserts that the bind is granted. Returns the target of its descriptor. */
export async function assertBinds(
  who: OtherUser,
  params: unknown,
): Promise<string> {
  const { answer, descriptors } = await who.ask("bind", [params]);
  assertEquals([answer.result, answer.error], [true, undefined]);
  assertEquals(descriptors.length, 1);
  return descriptors[0]!;
}

/** Asserts that the request is denied by that rule, without a descriptor. */
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
