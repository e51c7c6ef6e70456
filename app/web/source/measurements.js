// The table of measurements, with a bar for each interval.

import { make } from "./dom.js";
import { textIn, unitIn } from "./units.js";

const NAMES = { bmi: "BMI", mass: "Weight" };
const SIZES = ["height", "mass", "bmi", "volume"];
const GROUPS = {
  Size: (name) => SIZES.includes(name),
  Girths: (name) => name.endsWith("_girth"),
  Lengths: (name) => !SIZES.includes(name) && !name.endsWith("_girth"),
};

export class Measurements {
  #table;
  #axis;
  #system = "metric";
  #estimate = {};
  #current = null;

  /** Elements: the table, and the scale in its head. */
  constructor(table, axis) {
    this.#table = table;
    this.#axis = axis;
  }

  /** What the photo gave, with intervals; or the average body's, without. */
  setEstimate(measurements) {
    this.#estimate = measurements;
    this.#current = null;
    this.#show();
  }

  /** Those of the shape on the screen; null where that is the estimate itself. */
  setCurrent(measurements) {
    this.#current = measurements;
    this.#show();
  }

  setSystem(system) {
    this.#system = system;
    this.#show();
  }

  /** Rows of name, value, low, high and unit, in SI; low and high are empty without intervals. */
  csv() {
    const rows = Object.entries(this.#current ?? this.#estimate).map(
      ([name, { value, low = "", high = "", unit }]) => [name, value, low, high, unit].join(","),
    );
    return ["name,value,low,high,unit", ...rows, ""].join("\r\n");
  }

  #show() {
    const limit = this.#limit();
    this.#axis.replaceChildren(
      ...[`−${limit} %`, "0", `+${limit} %`].map((text) => make("span", {}, text)),
    );
    this.#table.classList.toggle("changed", this.#current !== null);
    for (const body of this.#table.querySelectorAll("tbody")) body.remove();
    const rows = Object.entries(this.#estimate);
    for (const [group, belongs] of Object.entries(GROUPS)) {
      const among = rows.filter(([name]) => belongs(name));
      if (!among.length) continue;
      const head = make("tr", { class: "group" }, make("th", { scope: "rowgroup", colspan: 6 }, group));
      const lines = among.map(([name, estimate]) => this.#row(name, estimate, this.#current?.[name], limit));
      this.#table.append(make("tbody", {}, head, ...lines));
    }
  }

  /** How many percent the bars reach to each side: what the widest needs, in steps of ten. */
  #limit() {
    const widest = Object.entries(this.#estimate).flatMap(([name, { value, low, high }]) =>
      [low, high, this.#current?.[name]?.value]
        .filter((other) => other !== undefined)
        .map((other) => Math.abs(other / value - 1)),
    );
    return Math.min(60, Math.max(10, 10 * Math.ceil(10 * Math.max(0, ...widest))));
  }

  #row(name, estimate, current, limit) {
    const text = (value, withUnit = false) => textIn(this.#system, value, estimate.unit, withUnit);
    const { low, high, value, unit } = estimate;
    const hasInterval = low !== undefined;
    const cells = [
      make("th", { scope: "row" }, NAMES[name] ?? readable(name)),
      make("td", { class: "number" }, text(value)),
      make("td", { class: "unit" }, unitIn(this.#system, unit).name),
      make("td", { class: "number interval" }, hasInterval ? `${text(low)} – ${text(high)}` : "–"),
      make("td", { class: "number current" }, current ? text(current.value) : ""),
      make("td", { class: "strip-cell" }, strip(estimate, current?.value, limit)),
    ];
    return make("tr", {}, ...cells);
  }
}

/** A bar from low to high, a dot at the estimate, and a diamond at the shape on the screen. */
function strip({ value, low, high }, current, limit) {
  const place = (other) => 50 + Math.max(-50, Math.min(50, (50 * (other / value - 1)) / (limit / 100)));
  const bar = make("span", { class: "strip", "aria-hidden": "true" });
  if (low !== undefined) {
    const range = make("span", { class: "range" });
    range.style.left = `${place(low)}%`;
    range.style.width = `${place(high) - place(low)}%`;
    bar.append(range);
  }
  bar.append(mark("estimate", 50));
  if (current !== undefined) bar.append(mark("current", place(current)));
  return bar;
}

function mark(kind, percent) {
  const element = make("span", { class: `mark ${kind}` });
  element.style.left = `${percent}%`;
  return element;
}

function readable(name) {
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}
