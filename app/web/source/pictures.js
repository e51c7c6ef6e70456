// PNG files of the server as pixels, and pixels as canvases.

/** The bytes of a grey PNG in base64: {width, height, values}, one value a pixel. */
export async function greyPixels(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  // Values are numbers and not colours: no profile may change them.
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Uint8Array(width * height);
  for (let pixel = 0; pixel < values.length; pixel++) values[pixel] = data[4 * pixel];
  return { width, height, values };
}

/** Paint a map: `colour(value)` gives [red, green, blue, alpha] for each of the 256 values. */
export function paint(canvas, { width, height, values }, colour) {
  const colours = Array.from({ length: 256 }, (_, value) => colour(value));
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < values.length; pixel++) {
    image.data.set(colours[values[pixel]], 4 * pixel);
  }
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(image, 0, 0);
}
