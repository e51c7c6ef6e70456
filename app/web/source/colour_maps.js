// Perceptually uniform colour maps. They keep their order for the colour-blind and in grey.
// Source: magma and viridis (van der Walt, Smith, SciPy 2015; CC0), at 17 equal steps.

const MAGMA =
  "000004 0a0822 1d1147 36106b 51127c 6a1c81 832681 9c2e7f b73779 cf4070 e55064 f4695c fb8761 fea571 fec287 fde0a1 fcfdbf";
const VIRIDIS =
  "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1f9f88 27ad81 3dbc74 5cc863 81d34d aadc32 d5e21a fde725";

export const magma = table(MAGMA);
export const viridis = table(VIRIDIS);

/** 256 colours, three bytes each. */
function table(text) {
  const steps = text.split(" ").map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  const colours = new Uint8ClampedArray(256 * 3);
  for (let index = 0; index < 256; index++) {
    const place = (index / 255) * (steps.length - 1);
    const low = Math.min(Math.floor(place), steps.length - 2);
    for (let channel = 0; channel < 3; channel++) {
      const [from, to] = [steps[low][channel], steps[low + 1][channel]];
      colours[3 * index + channel] = from + (place - low) * (to - from);
    }
  }
  return colours;
}

/** Draw a colour map from left to right into a canvas. */
export function drawBar(canvas, colours) {
  canvas.width = 256;
  canvas.height = 1;
  const image = new ImageData(256, 1);
  for (let index = 0; index < 256; index++) {
    image.data.set(colours.subarray(3 * index, 3 * index + 3), 4 * index);
    image.data[4 * index + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
