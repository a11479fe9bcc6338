/**
 * What a holder can do to its socket (tests/support/programs/damage.py).
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { BindParams } from "../../../protocol.ts";
import { startForeign } from "../foreign_program.ts";
import type { Program } from "../program.ts";
import { type Place, PLACES } from "../socket_kinds/places.ts";

/** An act, and the places at which it is possible. */
export interface Act {
  readonly name: string;
  isFor(place: Place): boolean;
}

const isInternet = ({ kind }: Place) => kind === "tcp" || kind === "udp";
const isFile = ({ family }: Place) => family === "path";
const always = () => true;

const canConnect = ({ kind }: Place) => kind !== "unix" && kind !== "seqpacket";

/** Every act. */
const ACTS: readonly Act[] = [
  { name: "shut down reading", isFor: always },
  { name: "shut down", isFor: always },
  { name: "shut down twice", isFor: always },
  { name: "connect", isFor: canConnect },
  { name: "disconnect", isFor: isInternet },
  { name: "move", isFor: isInternet },
  { name: "listen with 1", isFor: ({ kind }) => !/udp|gram/.test(kind) },
  { name: "set O_NONBLOCK", isFor: always },
  { name: "attach a filter", isFor: always },
  { name: "lock a filter", isFor: always },
  { name: "use another device", isFor: isInternet },
  { name: "change SO_REUSEADDR and SO_REUSEPORT", isFor: isInternet },
  { name: "unlink", isFor: isFile },
  { name: "rename", isFor: isFile },
  { name: "replace the directory", isFor: isFile },
  { name: "leave a dead socket", isFor: isFile },
];

/** A port that is asked for by number, and one that the kernel chooses. */
function withNumbers(place: Place): Place[] {
  if (!isInternet(place)) return [place];
  return [place, {
    ...place,
    name: `${place.name} by number`,
    params: (scratch, port) => ({
      ...place.params(scratch, port),
      port: Number(port),
    }),
  }];
}

/** Every place, and each address also with a port that is asked for by number. */
export const HOLDER_PLACES: readonly Place[] = PLACES.flatMap(withNumbers);

/** The acts that are possible at a place. */
export function actsAt(place: Place): Act[] {
  return ACTS.filter((act) => act.isFor(place));
}

/**
 * Whether nobody can use the address as long as the holder keeps its socket: an
 * abstract name stays in use.
 */
export function isFinal({ name }: Act, { family }: Place): boolean {
  return family === "abstract" && /shut down|lock/.test(name);
}

/** A holder that has done `act`, and exited. */
export async function damage(
  sock: string,
  params: BindParams,
  act: Pick<Act, "name">,
): Promise<void> {
  await using holder = startForeign(
    "damage.py",
    sock,
    JSON.stringify(params),
    act.name,
  );
  const { code, errors } = await holder.end();
  assertEquals(code, 0, errors);
}

/** A holder that has done `act` and keeps the socket. */
export async function damageAndStay(
  sock: string,
  params: BindParams,
  act: Pick<Act, "name">,
): Promise<Program> {
  const holder = startForeign(
    "damage.py",
    sock,
    JSON.stringify(params),
    act.name,
    "--stay",
  );
  await holder.output.next("done");
  return holder;
}
