// How far two shapes in T-pose are from each other.

import { viridis } from "./colour_maps.js";

/** Distance of each vertex in millimetres, their mean and the largest. */
export function distancesMm(one, other) {
  const distances = new Float32Array(one.length / 3);
  let [sum, max] = [0, 0];
  for (let vertex = 0; vertex < distances.length; vertex++) {
    const at = 3 * vertex;
    const distance = 1000 * Math.hypot(one[at] - other[at], one[at + 1] - other[at + 1], one[at + 2] - other[at + 2]);
    distances[vertex] = distance;
    sum += distance;
    max = Math.max(max, distance);
  }
  return { distances, mean: sum / distances.length, max };
}

/** Colours of values between 0 and `most`, three bytes each. */
export function coloursOf(values, most) {
  const colours = new Uint8ClampedArray(3 * values.length);
  values.forEach((value, index) => {
    const step = most > 0 ? Math.round(255 * Math.min(1, Math.max(0, value / most))) : 0;
    colours.set(viridis.subarray(3 * step, 3 * step + 3), 3 * index);
  });
  return colours;
}
