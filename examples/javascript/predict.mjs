// Classify picture files under Node: node predict.mjs ../../models/export cell.png ...
//
// sharp only decodes: upright by EXIF, colours as they lie in the file, transparency on white.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import ort from "onnxruntime-node";
import sharp from "sharp";
import { square } from "./bicubic.mjs";

export async function pixels(file, size) {
  const picture = sharp(file, { autoOrient: true, ignoreIcc: true });
  const { data, info } = await picture
    .flatten({ background: "#ffffff" })
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return square(rgb(data, info.channels), info.width, info.height, size);
}

// Greys become three equal channels.
function rgb(data, channels) {
  if (channels === 3) return data;
  const out = new Uint8Array((data.length / channels) * 3);
  for (let place = 0; place < data.length / channels; place += 1) out.fill(data[place * channels], 3 * place, 3 * place + 3);
  return out;
}

async function main(bundle, ...files) {
  const facts = JSON.parse(await readFile(join(bundle, "graft.json"), "utf8"));
  const { size } = facts.presize;
  const session = await ort.InferenceSession.create(join(bundle, "model.onnx"));
  for (const file of files) {
    const input = new ort.Tensor("uint8", await pixels(file, size), [1, size, size, 3]);
    const { probabilities } = await session.run({ pixels: input });
    const shares = facts.classes.map((name, place) => [name, probabilities.data[place]]);
    console.log(JSON.stringify({ file, probabilities: Object.fromEntries(shares) }));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(...process.argv.slice(2));
