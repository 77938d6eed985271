// Bicubic resampling with antialiasing, as Pillow does it; for Node and the browser alike.
//
// Canvas, sharp and most other resizers differ from it: other kernels, another antialiasing, or none.
// The network was trained on these pixels, so this is the part of the recipe that matters most.

const A = -0.5; // the free parameter of cubic convolution, as Pillow has it

function kernel(x) {
  const d = Math.abs(x);
  if (d < 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * A;
  return 0;
}

// For each of `to` output positions: the first input position it looks at, and the weights from there. When shrinking, the
// kernel is stretched by the scale, so that every position counts: that is the antialiasing. What is cut off
// at either end still lends its pixels to the kernel, as in Pillow.
function weights(from, cut, to) {
  const scale = (from - 2 * cut) / to;
  const stretch = Math.max(scale, 1);
  const reach = 2 * stretch;
  return Array.from({ length: to }, (_, index) => {
    const centre = cut + (index + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const last = Math.min(from, Math.floor(centre + reach + 0.5));
    const raw = Array.from({ length: last - first }, (_, step) => kernel((first + step - centre + 0.5) / stretch));
    const sum = raw.reduce((one, other) => one + other, 0);
    return { first, share: raw.map((weight) => weight / sum) };
  });
}

// Resample rows of `channels` values; of `length` pixels a row, `cut` at either end left out, become `size`.
function across(pixels, rows, length, cut, size, channels) {
  const out = new Uint8ClampedArray(rows * size * channels); // rounds and clips, as Pillow does between its passes
  const plan = weights(length, cut, size);
  for (let row = 0; row < rows; row += 1) {
    for (let index = 0; index < size; index += 1) {
      const { first, share } = plan[index];
      for (let channel = 0; channel < channels; channel += 1) {
        let sum = 0;
        let at = (row * length + first) * channels + channel;
        for (const weight of share) {
          sum += weight * pixels[at];
          at += channels;
        }
        out[(row * size + index) * channels + channel] = sum;
      }
    }
  }
  return out;
}

function transpose(pixels, rows, columns, channels) {
  const out = new Uint8ClampedArray(pixels.length);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1)
      for (let channel = 0; channel < channels; channel += 1)
        out[(column * rows + row) * channels + channel] = pixels[(row * columns + column) * channels + channel];
  return out;
}

// RGB pixels [height, width, 3] to [size, size, 3]. Of what the longer side has over the shorter, the
// share `crop` is cut off, half at either end; the rest is squeezed or, where there is a colour `padding`, gets a border.
export function square(pixels, width, height, { size, crop = 0, padding = null }) {
  const [left, upper] = [width, height].map((side) => (crop * (side - Math.min(width, height))) / 2);
  const kept = [width - 2 * left, height - 2 * upper];
  const inner = (side) => (padding ? Math.max(1, Math.floor((size * side) / Math.max(...kept) + 0.5)) : size);
  const [columns, rows] = kept.map(inner);
  let small = width === columns && !left ? pixels : across(pixels, height, width, left, columns, 3);
  if (height !== rows || upper) {
    const turned = across(transpose(small, height, columns, 3), columns, height, upper, rows, 3);
    small = transpose(turned, columns, rows, 3);
  }
  const out = Uint8Array.from({ length: size * size * 3 }, (_, at) => (padding ? padding[at % 3] : 0));
  const [first, top] = [columns, rows].map((side) => Math.floor((size - side) / 2));
  for (let row = 0; row < rows; row += 1)
    out.set(small.subarray(row * columns * 3, (row + 1) * columns * 3), ((top + row) * size + first) * 3);
  return out;
}
