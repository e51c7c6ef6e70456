// The photo with its maps over it, and the values under the pointer.

import { byId, make } from "./dom.js";
import { drawBar, magma } from "./colour_maps.js";
import { drawKeypoints } from "./keypoints.js";
import { Layers } from "./layers.js";
import { paint } from "./pictures.js";

export const CONFIDENCE = "Confidence map";
export const WEIGHTED = "Weighted photo";
export const GARMENTS = "Garments";
export const KEYPOINTS = "Keypoints";
export const MESH = "Mesh";

export class PhotoStage {
  #stage = byId("photo-stage");
  #image = byId("photo-image");
  #readout = byId("photo-readout");
  #layers = new Layers(byId("layers"));
  #confidence = null;
  #garments = null;
  /** Where the keyboard's cross is, as shares of width and height. */
  #probe = { x: 0.5, y: 0.4 };

  constructor() {
    this.#stage.addEventListener("pointermove", (event) => this.#point(event));
    this.#stage.addEventListener("pointerdown", (event) => this.#point(event));
    this.#stage.addEventListener("pointerleave", () => this.#hideProbe());
    this.#stage.addEventListener("blur", () => this.#hideProbe());
    this.#stage.addEventListener("keydown", (event) => this.#step(event));
  }

  /** Show a photo and forget the maps of the one before. */
  setPhoto(url, name) {
    this.#layers.remove();
    this.#confidence = this.#garments = null;
    this.#hideProbe();
    byId("photo-unseen").hidden = true;
    this.#image.hidden = false;
    this.#image.onload = () => this.setSize(this.#image.naturalWidth, this.#image.naturalHeight);
    // HEIC and TIFF are formats that the server reads and most browsers do not.
    this.#image.onerror = () => {
      this.#image.hidden = true;
      byId("photo-unseen").hidden = false;
    };
    this.#image.src = url;
    this.#image.alt = `The photo ${name}`;
  }

  /** Of the upright photo, in pixels. */
  setSize(width, height) {
    this.#stage.style.setProperty("--width", width);
    this.#stage.style.setProperty("--height", height);
  }

  /** Show the confidence map, and the photo multiplied by it. */
  setConfidence(map) {
    this.#confidence = map;
    this.setSize(map.width, map.height);
    const heat = byId("layer-confidence");
    paint(heat, map, (value) => [...magma.subarray(3 * value, 3 * value + 3), 255]);
    const bar = make("canvas", { class: "bar", "aria-hidden": "true" });
    drawBar(bar, magma);
    const legend = make("span", { class: "bar-legend" }, "0", bar, "1");
    this.#layers.add(CONFIDENCE, heat, { shown: true, opacity: 0.8, legend });
    // Black with one minus the confidence as its opacity multiplies what is below.
    const shade = byId("layer-weighted");
    paint(shade, map, (value) => [0, 0, 0, 255 - value]);
    this.#layers.add(WEIGHTED, shade, { shown: false, opacity: 1 });
  }

  /** Show garments; `answer` is the JSON of /clothing and `map` its ids. */
  setGarments(answer, map) {
    this.#garments = { map, names: new Map(answer.palette.map(({ id, name }) => [id, name])) };
    const canvas = byId("layer-garments");
    const colours = new Map(answer.palette.map(({ id, colour }) => [id, colour]));
    paint(canvas, map, (id) => (id && colours.has(id) ? [...colours.get(id), 255] : [0, 0, 0, 0]));
    const legend = make(
      "ul", { class: "chips", "aria-label": "Garments found" },
      ...answer.labels.filter(({ area_fraction: share }) => share >= 0.001).map(garment),
    );
    this.#layers.add(GARMENTS, canvas, { shown: false, opacity: 0.7, legend });
  }

  /** Show keypoints of people, in pixels of a photo of this size. */
  setKeypoints(people, size) {
    const shown = this.#layers.isShown(KEYPOINTS);
    this.#layers.remove(KEYPOINTS);
    const svg = byId("layer-keypoints");
    drawKeypoints(svg, people, size);
    const legend = make(
      "span", { class: "key-legend" },
      make("span", { class: "dot left" }), "left",
      make("span", { class: "dot right" }), "right",
    );
    this.#layers.add(KEYPOINTS, svg, { shown, opacity: 1, legend });
  }

  /** Show the mesh: a canvas, or a picture where there is no WebGL. */
  setMesh(element, onchange) {
    // A person may have chosen the layers for the body before.
    const isFirst = !this.#layers.has(MESH);
    const shown = isFirst || this.#layers.isShown(MESH);
    this.#layers.remove(MESH);
    this.#layers.add(MESH, element, { shown, opacity: 0.85, onchange });
    // Two full layers over each other hide both.
    if (isFirst && this.#confidence) this.#layers.show(CONFIDENCE, false);
  }

  #point(event) {
    const box = this.#stage.getBoundingClientRect();
    this.#probe = { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    this.#read(false);
  }

  #step(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const size = event.shiftKey ? 0.05 : 0.01;
    const moved = (value, by) => Math.min(0.9999, Math.max(0, value + by * size));
    this.#probe = { x: moved(this.#probe.x, step[0]), y: moved(this.#probe.y, step[1]) };
    this.#read(true);
  }

  #read(withCross) {
    const { x, y } = this.#probe;
    const told = [];
    if (this.#confidence) {
      told.push(`Confidence ${(valueAt(this.#confidence, x, y) / 255).toFixed(2)}`);
    }
    if (this.#garments) {
      const id = valueAt(this.#garments.map, x, y);
      told.push(id ? this.#garments.names.get(id) : "no garment");
    }
    this.#readout.hidden = told.length === 0;
    this.#readout.textContent = told.join(" · ");
    const cross = byId("photo-cross");
    cross.hidden = !withCross;
    cross.style.left = `${100 * x}%`;
    cross.style.top = `${100 * y}%`;
  }

  #hideProbe() {
    this.#readout.hidden = true;
    byId("photo-cross").hidden = true;
  }
}

function valueAt({ width, height, values }, x, y) {
  const column = Math.min(width - 1, Math.max(0, Math.floor(x * width)));
  const row = Math.min(height - 1, Math.max(0, Math.floor(y * height)));
  return values[row * width + column];
}

function garment({ name, colour, area_fraction: share }) {
  const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
  swatch.style.background = `rgb(${colour.join(" ")})`;
  return make("li", {}, swatch, `${name} `, make("small", {}, `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`));
}
