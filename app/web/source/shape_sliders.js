// Ten sliders, one for each beta.

import { make } from "./dom.js";

const MOST = 3;

export class ShapeSliders {
  #list;
  #rows = [];
  #betas = [];

  /** `onchange(betas)` is called for every move. */
  constructor(list, onchange) {
    this.#list = list;
    this.onchange = onchange;
  }

  get betas() {
    return [...this.#betas];
  }

  /** Make sliders for a body; `spread` are the deviations of the estimate, if it is one. */
  setBody(betas, spread = null) {
    this.#betas = [...betas];
    this.#rows = betas.slice(0, 10).map((_, beta) => this.#row(beta, betas[beta], spread?.[beta]));
    this.#list.replaceChildren(...this.#rows.map(({ item }) => item));
    this.#show();
  }

  /** Move the sliders. */
  setBetas(betas) {
    this.#betas = [...betas];
    this.#show();
    this.onchange(this.betas);
  }

  #row(beta, estimate, deviation) {
    const id = `beta-${beta}`;
    const range = make("input", { type: "range", id, min: -MOST, max: MOST, step: 0.05 });
    const output = make("output", { for: id });
    const band = make("span", { class: "band" });
    if (deviation !== undefined) {
      const [low, high] = [estimate - deviation, estimate + deviation].map(share);
      band.style.left = `${low}%`;
      band.style.width = `${high - low}%`;
      band.title = `Estimate ${signed(estimate)}, standard deviation ${deviation.toFixed(2)}`;
    } else {
      band.hidden = true;
    }
    range.addEventListener("input", () => {
      this.#betas[beta] = Number(range.value);
      this.#show();
      this.onchange(this.betas);
    });
    const item = make(
      "li", {},
      make("label", { for: id }, `Beta ${beta}`),
      make("span", { class: "track" }, make("span", { class: "scale", "aria-hidden": "true" }, band), range),
      output,
    );
    return { item, range, output };
  }

  #show() {
    this.#rows.forEach(({ range, output }, beta) => {
      range.value = this.#betas[beta];
      // An estimate may lie beyond the end of its slider.
      output.textContent = signed(this.#betas[beta]);
      range.setAttribute("aria-valuetext", `${signed(this.#betas[beta])} standard deviations`);
    });
  }
}

/** Where a value is along a slider, in percent. */
function share(value) {
  return 50 + (50 * Math.max(-MOST, Math.min(MOST, value))) / MOST;
}

function signed(value) {
  const text = Math.abs(value).toFixed(2);
  if (Number(text) === 0) return "0.00";
  return `${value < 0 ? "−" : "+"}${text}`;
}
