// The body, its shape, and its distance to another.

import { BodyStage } from "./body_stage.js";
import { coloursOf, distancesMm } from "./comparison.js";
import { drawBar, viridis } from "./colour_maps.js";
import { afterPause, byId, make, onChoice, setChoice } from "./dom.js";
import { ShapeSliders } from "./shape_sliders.js";
import { colourNow } from "./theme.js";
import { trustOf } from "./trust.js";

/** Betas beyond this are rare: one person in twenty. */
const RANDOM_LIMIT = 2;

export class BodyPanel {
  #stage = new BodyStage(byId("body-canvas"));
  #sliders = new ShapeSliders(byId("betas"), () => this.#reshape());
  #body = null;
  #estimate = [];
  #trust = null;
  #kept = null;
  #colours = "plain";
  #pause = afterPause(250, () => this.#settle());

  /**
   * @param {{onshape: Function, onsettle: Function, compare: Function}} calls - `onshape(betas)` for
   * every move, `onsettle(betas)` when the sliders rest, `compare(one, other)` asks the server.
   */
  constructor({ onshape, onsettle, compare }) {
    Object.assign(this, { onshape, onsettle, compare });
    byId("no-webgl").hidden = this.#stage.isAvailable;
    byId("body-canvas").hidden = byId("body-tools").hidden = byId("reset-view").hidden = !this.#stage.isAvailable;
    onChoice(byId("pose"), (pose) => this.#stage.setPosed(pose === "posed"));
    onChoice(byId("colours"), (colours) => this.#setColours(colours));
    byId("wireframe").addEventListener("change", (event) => this.#stage.setWireframe(event.target.checked));
    byId("grid").addEventListener("change", () => this.refreshGrid());
    byId("reset-view").addEventListener("click", () => this.#stage.resetView());
    byId("shape-estimate").addEventListener("click", () => this.#sliders.setBetas(this.#estimate));
    byId("shape-average").addEventListener("click", () => this.#sliders.setBetas(this.#zeros()));
    byId("shape-random").addEventListener("click", () => this.#sliders.setBetas(this.#zeros().map(random)));
    byId("reference").addEventListener("change", () => this.#compareNow(true));
    byId("keep").addEventListener("click", () => this.#keep());
    this.refreshGrid();
  }

  get betas() {
    return this.#sliders.betas;
  }

  /** Whether the shape is the one that came with the body. */
  get isEstimate() {
    return this.#sliders.betas.every((beta, index) => beta === this.#estimate[index]);
  }

  /** Show a body; `person` is that of /reconstruct, or null for the average body. */
  setBody(body, person) {
    this.#body = body;
    this.#estimate = [...body.betas];
    this.#trust = person?.trust ?? null;
    this.#sliders.setBody(this.#estimate, person?.betas.std);
    byId("shape-hint").textContent = person
      ? "Standard deviations from the average body. The shaded band is one standard deviation of the estimate."
      : "Standard deviations from the average body.";
    byId("body-title").textContent = person ? "Body" : "Average body";
    byId("pose").hidden = !person || !this.#stage.isAvailable;
    byId("colour-trust").hidden = !this.#trust;
    byId("warnings").replaceChildren(...(person?.warnings ?? []).map(({ detail }) => make("li", {}, sentence(detail))));
    const reference = byId("reference");
    reference.querySelector("[value=estimate]").disabled = !person;
    if (reference.selectedOptions[0].disabled) reference.value = "none";
    byId("body-card").hidden = byId("shape-card").hidden = false;
    if (this.#colours === "trust" && !this.#trust) this.#colours = "plain";
    this.#stage.setBody(body);
    this.#setColours(this.#colours);
    this.#compareNow(true);
  }

  /** Forget a body that does not belong to the photo any more. */
  clear() {
    this.#body = null;
    byId("body-card").hidden = byId("shape-card").hidden = true;
  }

  /** Draw the ground in the colour of the theme. */
  refreshGrid() {
    this.#stage.setGrid(byId("grid").checked, colourNow("--grid"));
  }

  #zeros() {
    return this.#estimate.map(() => 0);
  }

  #reshape() {
    this.#body.setBetas(this.#sliders.betas);
    this.#compareNow(false);
    this.#stage.update();
    this.onshape(this.#sliders.betas);
    this.#pause();
  }

  #settle() {
    if (!this.#body) return;
    this.onsettle(this.#sliders.betas);
    this.#compareNow(true);
  }

  #keep() {
    this.#kept = this.#sliders.betas;
    const option = byId("reference").querySelector("[value=kept]");
    option.disabled = false;
    byId("reference").value = "kept";
    this.#compareNow(true);
  }

  #reference() {
    return { none: null, estimate: this.#estimate, average: this.#zeros(), kept: this.#kept }[
      byId("reference").value
    ];
  }

  /** Colours and numbers of the distance; what takes a request waits until the sliders rest. */
  #compareNow(isResting) {
    const reference = this.#body && this.#reference();
    const list = byId("distances");
    byId("colour-distance").hidden = !reference;
    byId("colours").hidden = !reference && !this.#trust;
    list.hidden = !reference;
    if (!reference) {
      if (this.#colours === "distance") this.#setColours("plain");
      return;
    }
    const { distances, mean, max } = distancesMm(
      this.#body.vertices(this.#sliders.betas),
      this.#body.vertices(reference),
    );
    const told = { Mean: `${mean.toFixed(1)} mm`, Largest: `${max.toFixed(1)} mm` };
    list.replaceChildren(...terms(told));
    if (isResting && this.#colours === "plain") this.#setColours("distance");
    if (this.#colours === "distance") {
      this.#body.setColours(coloursOf(distances, max));
      this.#legend("Distance", "0", `${max.toFixed(0)} mm`);
    }
    if (isResting) this.#detail(reference, list);
  }

  /** What the server says of the two shapes besides. */
  async #detail(reference, list) {
    const betas = this.#sliders.betas;
    const found = await this.compare(betas, reference);
    const isCurrent = betas.every((beta, index) => beta === this.#sliders.betas[index]);
    if (!found || !isCurrent || list.hidden) return;
    const parts = Object.entries(found.part_mean_error_mm ?? {}).sort(([, a], [, b]) => b - a);
    list.append(
      ...terms({
        "Shape alone (PVE-T-SC)": `${found.pve_t_sc_mm.toFixed(1)} mm`,
        ...(parts.length && parts[0][1] > 0
          ? { "Largest part": `${parts[0][0].replaceAll("_", " ")}, ${parts[0][1].toFixed(1)} mm` }
          : {}),
      }),
    );
  }

  #setColours(colours) {
    this.#colours = colours;
    setChoice(byId("colours"), colours);
    byId("body-legend").hidden = colours === "plain";
    if (colours === "trust") {
      const values = this.#body.spread((name) => trustOf(this.#trust.joints, name));
      this.#body.setColours(coloursOf(values, 1));
      this.#legend(`Trust, of the whole mesh ${this.#trust.mesh.toFixed(2)}`, "0", "1");
    } else if (colours === "distance") {
      this.#compareNow(false);
    }
    this.#stage.setColoured(colours !== "plain");
  }

  #legend(title, low, high) {
    byId("body-legend-title").textContent = title;
    byId("body-legend-low").textContent = low;
    byId("body-legend-high").textContent = high;
    drawBar(byId("body-legend-bar"), viridis);
  }
}

function terms(told) {
  return Object.entries(told).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}

function random() {
  let value;
  // Normal, by Box and Muller.
  do value = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  while (Math.abs(value) > RANDOM_LIMIT);
  return Math.round(value * 20) / 20;
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
}
