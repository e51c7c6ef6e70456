// The list of what can be laid over the photo: a switch and an opacity for each layer.

import { make } from "./dom.js";

export class Layers {
  #rows = new Map();

  constructor(list) {
    this.list = list;
  }

  /**
   * Add a layer.
   *
   * @param {string} name - What people read.
   * @param {Element} target - The element over the photo.
   * @param {{shown: boolean, opacity: number, legend?: Element, onchange?: Function}} options
   */
  add(name, target, { shown, opacity, legend, onchange = () => {} }) {
    const box = make("input", { type: "checkbox" });
    box.checked = shown;
    const range = make("input", {
      type: "range", min: 0, max: 100, value: Math.round(100 * opacity), "aria-label": `Opacity of ${name}`,
    });
    const row = make(
      "li", { class: "layer" },
      make("label", { class: "switch" }, box, make("span", {}, name)),
      range,
      ...(legend ? [legend] : []),
    );
    const apply = () => {
      target.hidden = !box.checked;
      // SVG elements have no property `hidden`.
      target.toggleAttribute("hidden", !box.checked);
      target.style.opacity = range.value / 100;
      range.disabled = !box.checked;
      row.classList.toggle("off", !box.checked);
      onchange(box.checked);
    };
    box.addEventListener("change", apply);
    range.addEventListener("input", apply);
    this.#rows.set(name, { row, box, apply, target });
    this.list.append(row);
    apply();
  }

  /** Switch a layer from the program. */
  show(name, shown) {
    const { box, apply } = this.#rows.get(name);
    box.checked = shown;
    apply();
  }

  has(name) {
    return this.#rows.has(name);
  }

  /** Whether a layer is switched on. */
  isShown(name) {
    return this.#rows.get(name)?.box.checked ?? false;
  }

  /** Remove one layer, or all. */
  remove(name) {
    for (const [known, { row, target }] of this.#rows) {
      if (name === undefined || known === name) {
        row.remove();
        target.toggleAttribute("hidden", true);
        this.#rows.delete(known);
      }
    }
  }
}
