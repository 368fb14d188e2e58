// Node's own means, a Map of the oldest so far: node_peer.mjs EXPORT OUT
import fs from "node:fs";
import readline from "node:readline";
import zlib from "node:zlib";

const [folder, out] = process.argv.slice(2);
const losers = fs.createWriteStream(out);
const oldest = new Map();

function isBefore(a, b) {
  if (a.inserted !== b.inserted) return a.inserted < b.inserted;
  return a.pk !== b.pk ? a.pk < b.pk : a.sk < b.sk;
}

for (const name of fs.readdirSync(`${folder}/data`).sort()) {
  const input = fs.createReadStream(`${folder}/data/${name}`).pipe(zlib.createGunzip());
  for await (const line of readline.createInterface({ input })) {
    const { cause, insertedAt, pk, sk } = JSON.parse(line).Item;
    const mine = { inserted: insertedAt.S, pk: pk.S, sk: sk.S };
    const first = oldest.get(cause.S);
    const keeps = first === undefined || isBefore(mine, first);
    if (keeps) oldest.set(cause.S, mine);
    if (first !== undefined) {
      const loser = keeps ? first : mine;
      losers.write(`${loser.pk}\t${loser.sk}\n`);
    }
  }
}
losers.end();
