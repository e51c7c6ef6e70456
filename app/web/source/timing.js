// Where the time of the requests went, from the header Server-Timing.

import { make } from "./dom.js";

const STAGES = {
  decode: "reading the photo",
  queue: "waiting for the device",
  predict: "computing",
  encode: "writing the answer",
  transfer: "sending and receiving",
};

/** [{name, milliseconds}] of a header such as `decode;dur=4.1, queue;dur=0.2`. */
export function stagesOf(header) {
  return (header ?? "")
    .split(",")
    .map((part) => part.trim().match(/^([\w-]+)\s*;.*?dur=([\d.]+)/))
    .filter(Boolean)
    .map(([, name, duration]) => ({ name, milliseconds: Number(duration) }));
}

/** Fill a list with one bar for each request, all on one scale. */
export function showTimings(list, legend, timings) {
  const seen = new Set(["transfer", ...timings.flatMap(({ stages }) => stages.map(({ name }) => name))]);
  const longest = Math.max(...timings.map((timing) => timing.total));
  list.replaceChildren(...timings.map((timing) => row(timing, longest)));
  legend.replaceChildren(
    ...Object.entries(STAGES).filter(([name]) => seen.has(name)).map(([name, text]) =>
      make("li", {}, make("span", { class: `swatch stage-${name}`, "aria-hidden": "true" }), text),
    ),
  );
}

function row({ label, total, stages }, longest) {
  const known = stages.filter(({ name }) => name in STAGES);
  const inServer = known.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const parts = [...known, { name: "transfer", milliseconds: Math.max(0, total - inServer) }];
  const bar = make("span", { class: "time-bar", "aria-hidden": "true" });
  for (const { name, milliseconds } of parts) {
    const piece = make("span", { class: `stage-${name}` });
    piece.style.width = `${(100 * milliseconds) / longest}%`;
    bar.append(piece);
  }
  const told = parts
    .filter(({ milliseconds }) => milliseconds >= 0.5)
    .map(({ name, milliseconds }) => `${STAGES[name]} ${rounded(milliseconds)}`)
    .join(", ");
  return make(
    "li",
    { title: told },
    make("span", { class: "time-label" }, label),
    bar,
    make("span", { class: "time-total" }, rounded(total)),
    make("span", { class: "visually-hidden" }, `: ${told}`),
  );
}

function rounded(milliseconds) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
