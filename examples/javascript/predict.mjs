// Classify picture files under Node: node predict.mjs ../../models/export cell.png ...
//
// sharp only decodes: upright by EXIF, colours as they lie in the file. The rest is spelled out here and in bicubic.mjs.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import ort from "onnxruntime-node";
import sharp from "sharp";
import { square } from "./bicubic.mjs";

export async function pixels(file, presize) {
  const picture = sharp(file, { autoOrient: true, ignoreIcc: true }).toColourspace("srgb").raw({ depth: "uchar" });
  const { data, info } = await picture.toBuffer({ resolveWithObject: true });
  return square(onWhite(data, info.channels), info.width, info.height, presize);
}

// Pixels of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 channels (RGB, alpha) to RGB, transparency on white.
function onWhite(data, channels) {
  if (channels === 3) return data;
  const count = data.length / channels;
  const out = new Uint8ClampedArray(3 * count); // rounds
  for (let index = 0; index < count; index += 1) {
    const alpha = channels % 2 ? 255 : data[(index + 1) * channels - 1];
    for (let channel = 0; channel < 3; channel += 1) {
      const value = data[index * channels + (channels < 3 ? 0 : channel)];
      out[3 * index + channel] = (value * alpha + 255 * (255 - alpha)) / 255;
    }
  }
  return out;
}

async function main(bundle, ...files) {
  const metadata = JSON.parse(await readFile(join(bundle, "graft.json"), "utf8"));
  const { presize } = metadata;
  const { size } = presize;
  const session = await ort.InferenceSession.create(join(bundle, "model.onnx"));
  for (const file of files) {
    const input = new ort.Tensor("uint8", await pixels(file, presize), [1, size, size, 3]);
    const { probabilities } = await session.run({ pixels: input });
    const shares = metadata.classes.map((name, index) => [name, probabilities.data[index]]);
    console.log(JSON.stringify({ file, probabilities: Object.fromEntries(shares) }));
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(...process.argv.slice(2));
