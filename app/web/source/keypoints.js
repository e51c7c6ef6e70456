// COCO's 17 keypoints as a drawing over the photo.

const NAMESPACE = "http://www.w3.org/2000/svg";
const BONES = [
  ["left_ear", "left_eye"], ["left_eye", "nose"], ["nose", "right_eye"], ["right_eye", "right_ear"],
  ["left_shoulder", "right_shoulder"], ["left_hip", "right_hip"],
  ...["left", "right"].flatMap((side) => [
    [`${side}_shoulder`, `${side}_elbow`], [`${side}_elbow`, `${side}_wrist`],
    [`${side}_shoulder`, `${side}_hip`], [`${side}_hip`, `${side}_knee`], [`${side}_knee`, `${side}_ankle`],
  ]),
];
/** Points of a lower score are left out: they are guesses. */
const LEAST_SCORE = 0.1;

/** Fill an SVG element, whose units are pixels of the photo, with the keypoints of people. */
export function drawKeypoints(svg, people, { width, height }) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const radius = Math.max(width, height) / 170;
  svg.replaceChildren(...people.flatMap(({ keypoints }) => person(keypoints, radius)));
}

function person(keypoints, radius) {
  const seen = new Map(
    keypoints.filter(({ score }) => score >= LEAST_SCORE).map((point) => [point.name, point]),
  );
  const bones = BONES.filter(([a, b]) => seen.has(a) && seen.has(b)).map(([a, b]) => {
    const [from, to] = [seen.get(a), seen.get(b)];
    return shape("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y, "stroke-width": radius * 0.7 });
  });
  const points = [...seen.values()].map(({ name, x, y, score }) => {
    const circle = shape("circle", { cx: x, cy: y, r: radius, class: sideOf(name) });
    const title = shape("title", {});
    title.textContent = `${name.replace("_", " ")}: ${score.toFixed(2)}`;
    circle.append(title);
    return circle;
  });
  return [...bones, ...points];
}

/** Left, right and middle differ in shape of the outline as well as in colour. */
function sideOf(name) {
  return name.startsWith("left") ? "left" : name.startsWith("right") ? "right" : "middle";
}

function shape(tag, attributes) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
