// Metric and imperial units. The server speaks SI.

const SYSTEMS = {
  metric: {
    metre: { factor: 100, name: "cm", digits: 1 },
    kilogram: { factor: 1, name: "kg", digits: 1 },
    "cubic metre": { factor: 1000, name: "l", digits: 1 },
  },
  imperial: {
    metre: { factor: 1 / 0.0254, name: "in", digits: 1 },
    kilogram: { factor: 1 / 0.45359237, name: "lb", digits: 1 },
    "cubic metre": { factor: 1 / 0.028316846592, name: "cu ft", digits: 2 },
  },
};
const OTHERS = { "kilogram per square metre": { factor: 1, name: "kg/m²", digits: 1 } };

/** How a unit of the server is shown: {factor, name, digits}. */
export function unitIn(system, unit) {
  return SYSTEMS[system][unit] ?? OTHERS[unit] ?? { factor: 1, name: unit, digits: 2 };
}

/** A value of the server as text, with or without its unit. */
export function textIn(system, value, unit, withUnit = true) {
  const { factor, name, digits } = unitIn(system, unit);
  const number = (value * factor).toFixed(digits);
  return withUnit ? `${number} ${name}` : number;
}
