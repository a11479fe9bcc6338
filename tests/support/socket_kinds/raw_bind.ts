/**
 * One `bind` with unchecked params.
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

/** Sends a bind. The descriptor stays open until the next request. */
export async function rawBind(
  connection: RawConnection,
  params: unknown,
): Promise<{ answer: Answer; fd: number | undefined }> {
  await connection.send(requestText(1, "bind", [params]));
  const line = await connection.next();
  assert(line !== undefined, "the daemon hung up");
  return { answer: JSON.parse(line.text), fd: line.descriptors[0] };
}

/** Sends a bind that must be granted. Returns the descriptor. */
export async function granted(
  connection: RawConnection,
  params: unknown,
): Promise<number> {
  const { answer, fd } = await rawBind(connection, params);
  assertEquals(answer.error, undefined);
  assert(fd !== undefined, "no descriptor came");
  return fd;
}

/** Sends a bind that must be refused. Returns the error. */
export async function refused(
  connection: RawConnection,
  params: unknown,
): Promise<ErrorObject> {
  const { answer, fd } = await rawBind(connection, params);
  assert(answer.error !== undefined, "it was granted");
  assertEquals(fd, undefined);
  return answer.error;
}

/** Releases a bind. */
export async function rawRelease(
  connection: RawConnection,
  params: unknown,
): Promise<void> {
  await connection.send(requestText(1, "release", [params]));
  const { result, error } = await connection.answer();
  assertEquals([result, error], [true, undefined]);
}

/** The answer to `list`. */
export async function rawList(
  connection: RawConnection,
): Promise<BindDescription[]> {
  await connection.send(requestText(1, "list"));
  const { result } = await connection.answer();
  return result as BindDescription[];
}
