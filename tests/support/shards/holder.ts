/**
 * A program that binds some shards of a group of four, and keeps them until it is
 * killed: `holder.ts SOCK ADDRESS SHARD...`
 */
import { bind } from "../../../client.ts";

const [sock = "", address = "", ...shards] = Deno.args;
for (const shard of shards) {
  await bind(address, { sock, shard: Number(shard), shards: 4 });
}
console.log("bound");
setInterval(() => {}, 60_000);
