import { assert, assertEquals } from "@std/assert";
import { FamiliarRequests } from "../../server/familiar_requests.ts";
import { mutated } from "./mutations.ts";
import { casesFor, inCase } from "./seed.ts";

const CASES = casesFor(20_000);

const REQUEST = {
  jsonrpc: "2.0",
  method: "bind",
  id: "3f2a7c1e",
  params: [{ address: "127.0.0.1", port: 8000, backlog: 10 }],
};

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** A plain id in the place of the first one, as most requests differ. */
function withAnotherId(
  bytes: Uint8Array<ArrayBuffer>,
  id: string,
): Uint8Array<ArrayBuffer> {
  const text = new TextDecoder().decode(bytes);
  return encoder.encode(text.replace(/"id":("[^"]*"|[^,}]*)/, `"id":${id}`));
}

Deno.test(`mutated requests, ${CASES} times: one that is taken for another would be parsed into the same but for its id`, async () => {
  const familiar = new FamiliarRequests<string>();
  let known = 0;
  for (let number = 0; number < CASES; number++) {
    let bytes = new Uint8Array(0);
    const subject = () => JSON.stringify(new TextDecoder().decode(bytes));
    await inCase(number, subject, (random) => {
      bytes = mutated(REQUEST, random);
      const again = withAnotherId(bytes, random.of([`"other"`, "0", "-17"]));
      for (const each of [bytes, again]) {
        const found = familiar.recall(each);
        if (found !== undefined) {
          known++;
          const { id, ...rest } = JSON.parse(decoder.decode(each));
          assertEquals(id, JSON.parse(decoder.decode(found.id)));
          assertEquals(JSON.stringify(rest), found.read);
          continue;
        }
        // A longer one is not kept, and may be nested beyond JSON.stringify.
        const parsed = each.length <= 1024 ? parsedObject(each) : undefined;
        if (parsed === undefined) continue;
        const { id, ...rest } = parsed;
        for (let twice = 0; twice < 2; twice++) {
          familiar.learn(each, id, JSON.stringify(rest));
        }
      }
    });
  }
  assert(known > 0 && known < 2 * CASES, `${known} were known`);
});

function parsedObject(
  bytes: Uint8Array<ArrayBuffer>,
): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(decoder.decode(bytes));
    return typeof parsed === "object" && parsed !== null &&
        !Array.isArray(parsed)
      ? { ...parsed }
      : undefined;
  } catch {
    return undefined;
  }
}
