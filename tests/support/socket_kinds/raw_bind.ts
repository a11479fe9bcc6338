/**
 * One `bind` on the wire, with its params as they are.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type {
  Answer,
  BindDescription,
  ErrorObject,
} from "../../../protocol.ts";
import { type RawConnection, requestText } from "../raw_connection.ts";

/** Asks; the descriptor stays open until something else is asked for. */
export async function rawBind(
  connection: RawConnection,
  params: unknown,
): Promise<{ answer: Answer; fd: number | undefined }> {
  await connection.send(requestText(1, "bind", [params]));
  const line = await connection.next();
  assert(line !== undefined, "the daemon hung up");
  return { answer: JSON.parse(line.text), fd: line.descriptors[0] };
}

/** Asks for what must be granted: the descriptor. */
export async function granted(
  connection: RawConnection,
  params: unknown,
): Promise<number> {
  const { answer, fd } = await rawBind(connection, params);
  assertEquals(answer.error, undefined);
  assert(fd !== undefined, "no descriptor came");
  return fd;
}

/** Asks for what must be refused: the error. */
export async function refused(
  connection: RawConnection,
  params: unknown,
): Promise<ErrorObject> {
  const { answer, fd } = await rawBind(connection, params);
  assert(answer.error !== undefined, "it was granted");
  assertEquals(fd, undefined);
  return answer.error;
}

/** Has the daemon let go of it. */
export async function rawRelease(
  connection: RawConnection,
  params: unknown,
): Promise<void> {
  await connection.send(requestText(1, "release", [params]));
  const { result, error } = await connection.answer();
  assertEquals([result, error], [true, undefined]);
}

/** What the daemon lists. */
export async function rawList(
  connection: RawConnection,
): Promise<BindDescription[]> {
  await connection.send(requestText(1, "list"));
  const { result } = await connection.answer();
  return result as BindDescription[];
}
