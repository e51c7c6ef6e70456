// Measurements of the estimate and of the shape on the screen, and what is known of the person.

import { byId, onChoice } from "./dom.js";
import { Measurements } from "./measurements.js";
import { unitIn } from "./units.js";

const FIELDS = { height: ["height_m", "metre"], weight: ["weight_kg", "kilogram"] };

export class MeasurementsPanel {
  #table = new Measurements(byId("measurements"), byId("axis"));
  #system = "metric";
  /** Of a measurement that has been asked for; an answer to an older question is dropped. */
  #question = 0;

  /** `measure(betas)` asks the server; `again()` runs the estimate with what is known. */
  constructor({ measure, again }) {
    this.measure = measure;
    onChoice(byId("units"), (system) => this.#setSystem(system));
    byId("known").addEventListener("submit", (event) => {
      event.preventDefault();
      again();
    });
  }

  /** height_m and weight_kg as the person gave them, for the form of /reconstruct. */
  get known() {
    const options = {};
    for (const [id, [name, unit]] of Object.entries(FIELDS)) {
      const { value } = byId(id);
      if (value !== "") options[name] = Number((value / unitIn(this.#system, unit).factor).toFixed(4));
    }
    return options;
  }

  /** Show the measurements of a photo. */
  setEstimate(measurements) {
    this.#question += 1;
    byId("measurements-card").hidden = false;
    byId("known").hidden = false;
    byId("measurements-hint").textContent =
      "The bar is the interval that holds the true value for nine of ten people, in percent of the value. "
      + "A known height or weight makes it shorter.";
    this.#table.setEstimate(measurements);
  }

  /** Show those of a body without a photo. */
  async setBody(betas) {
    byId("known").hidden = true;
    byId("measurements-hint").textContent =
      "Of the average body. The diamond shows in percent how far the shape on the screen is from it.";
    const measurements = await this.#ask(betas);
    if (!measurements) return;
    byId("measurements-card").hidden = false;
    this.#table.setEstimate(measurements);
  }

  /** Show those of another shape beside the estimate; null: there is none. */
  async setShape(betas) {
    if (!betas) {
      this.#question += 1;
      this.#table.setCurrent(null);
      return;
    }
    const measurements = await this.#ask(betas);
    if (measurements) this.#table.setCurrent(measurements);
  }

  clear() {
    this.#question += 1;
    byId("measurements-card").hidden = true;
  }

  /** Forget what was known of the person before. */
  forget() {
    for (const id of Object.keys(FIELDS)) byId(id).value = "";
  }

  csv() {
    return this.#table.csv();
  }

  async #ask(betas) {
    const question = ++this.#question;
    const measurements = await this.measure(betas);
    return question === this.#question ? measurements : null;
  }

  #setSystem(system) {
    for (const [id, [, unit]] of Object.entries(FIELDS)) {
      const field = byId(id);
      const [before, after] = [unitIn(this.#system, unit), unitIn(system, unit)];
      if (field.value !== "") field.value = Number(((field.value / before.factor) * after.factor).toFixed(1));
    }
    for (const label of document.querySelectorAll("[data-unit]")) {
      label.textContent = unitIn(system, label.dataset.unit).name;
    }
    this.#system = system;
    this.#table.setSystem(system);
  }
}
