// The page: a photo comes in, the server answers, and the panels show it.

import { readBody } from "./body.js";
import { BodyPanel } from "./body_panel.js";
import { byId, make } from "./dom.js";
import { showDownloads } from "./downloads.js";
import { filesOf } from "./files.js";
import { onPhoto } from "./intake.js";
import { MeasurementsPanel } from "./measurements_panel.js";
import { PhotoMesh } from "./photo_mesh.js";
import { PhotoStage } from "./photo_stage.js";
import { greyPixels } from "./pictures.js";
import { Progress } from "./progress.js";
import { Problem, Service } from "./service.js";
import { onTheme } from "./theme.js";
import { showTimings } from "./timing.js";

/** The asset that reconstructions have; the operator may serve another at /mesh. */
const BODY_FILE = "body_neutral.safetensors";
const BODY = "Body";

const service = new Service();
const progress = new Progress();
const stage = new PhotoStage();
const photoMesh = new PhotoMesh(byId("layer-mesh"));
const body = new BodyPanel({
  onshape: () => photoMesh.update(),
  onsettle: (betas) => followShape(betas),
  compare: (predicted, groundTruth) =>
    canShape() &&
    quietly(service.json("mesh/errors", { predicted: { betas: predicted }, ground_truth: { betas: groundTruth } })),
});
const measurements = new MeasurementsPanel({
  measure: async (betas) => (await quietly(service.json("measurements", { betas })))?.measurements,
  again: () => estimateAgain(measurements.known),
});

let capabilities = new Map();
let photo = null;
let shown = new Set();
let timings = [];

onTheme(byId("theme"), () => body.refreshGrid());
onPhoto(takePhoto);
byId("average").addEventListener("click", () => startWithoutPhoto());
byId("restart").addEventListener("click", restart);
byId("copy").addEventListener("click", copyCommand);
byId("key-form").addEventListener("submit", useKey);
service.onTiming = (timing) => {
  timings = [...timings.filter(({ label }) => label !== timing.label), timing];
  showTimings(byId("timings"), byId("time-legend"), timings);
  byId("time-card").hidden = false;
};
await connect();

/** Ask the server what it can do. */
async function connect() {
  try {
    capabilities = await service.capabilities();
  } catch (error) {
    // Without a key nothing is known yet but that one is needed.
    byId("key-form").hidden = error.status !== 401;
    if (error.status !== 401 || service.key) showProblems([error]);
    return;
  }
  byId("key-form").hidden = true;
  showProblems([]);
  const missing = [...capabilities.values()].filter(({ loaded }) => !loaded);
  byId("absent").replaceChildren(...missing.map(({ reason }) => make("li", {}, reason)));
  const devices = [...new Set([...capabilities.values()].map(deviceOf).filter(Boolean))].join(", ");
  byId("server").textContent = devices;
  byId("device").textContent = devices ? `Computed on ${devices}` : "";
  byId("average-line").hidden = !has("body");
}

function deviceOf({ device, precision }) {
  return device && (precision ? `${device}, ${precision}` : device);
}

function has(name) {
  return capabilities.get(name)?.loaded ?? false;
}

/** Whether /mesh and /measurements speak of the body on the screen. */
function canShape() {
  const file = capabilities.get("body")?.checkpoint?.file ?? BODY_FILE;
  return has("body") && (!photo?.answer || file === BODY_FILE);
}

async function takePhoto(file) {
  restart();
  photo = { file, url: URL.createObjectURL(file), options: {}, size: null, answer: null };
  byId("photo-name").textContent = file.name || "Photo";
  stage.setPhoto(photo.url, file.name);
  showResults(true);
  const steps = [
    ...(has("silhouette") ? [{ name: "Confidence map", run: showConfidence }] : []),
    ...(has("clothing") ? [{ name: "Garments", run: showGarments }] : []),
    ...(has("reconstruction") ? [{ name: BODY, run: showPerson }] : []),
  ];
  const current = photo;
  const errors = await progress.run(steps);
  if (photo !== current) return;
  showProblems(errors);
  if (!photo.answer && has("body")) await showAverage();
}

async function showConfidence(signal) {
  const current = photo;
  const answer = await service.photo("confidence", current.file, { label: "Confidence map", signal });
  const map = await greyPixels(answer.map_png_base64);
  if (photo !== current) return;
  photo.size = { width: answer.width, height: answer.height };
  photo.people = answer.people ?? [];
  stage.setConfidence(map);
  if (photo.people.length && !photo.answer) stage.setKeypoints(photo.people, photo.size, false);
  offerPeople();
  add("silhouette");
}

async function showGarments(signal) {
  const current = photo;
  const answer = await service.photo("clothing", current.file, { label: "Garments", signal });
  const map = await greyPixels(answer.map_png_base64);
  if (photo !== current) return;
  stage.setGarments(answer, map);
  add("clothing");
}

/** The body: its numbers and its rigged mesh. */
async function showPerson(signal) {
  const current = photo;
  const { options } = current;
  const [answer, glb] = await Promise.all([
    service.photo("reconstruct", current.file, { label: "Body", options, signal }),
    service.photo("reconstruct", current.file, { label: "Rigged mesh", options, signal, format: "glb" }),
  ]);
  const rigged = await readBody(glb);
  if (photo !== current) return;
  const [person] = answer.people;
  photo.answer = answer;
  photo.person = person;
  body.setBody(rigged, person);
  measurements.setEstimate(person.measurements);
  const size = { width: answer.width, height: answer.height };
  if (photoMesh.isAvailable) {
    photoMesh.setBody(rigged, person, size);
    stage.setMesh(byId("layer-mesh"), () => photoMesh.update());
  } else {
    await showMeshPicture(signal);
  }
  stage.setKeypoints([person], size, false);
  offerPeople();
  add("reconstruction", "measurements", ...(canShape() ? ["mesh"] : []));
}

/** Without WebGL the server draws the mesh. */
async function showMeshPicture(signal) {
  const { file, options } = photo;
  const picture = byId("layer-mesh-picture");
  picture.src = URL.createObjectURL(await service.photo("reconstruct", file, { options, signal, format: "png" }));
  picture.alt = "The mesh over the photo";
  stage.setMesh(picture, () => {});
}

/** The body without a photo: people move the sliders. */
async function startWithoutPhoto() {
  restart();
  byId("photo-name").textContent = "Without a photo";
  showResults(false);
  showProblems(await progress.run([{ name: "Average body", run: showAverage }]));
}

async function showAverage(signal) {
  const current = photo;
  const betas = { betas: [0] };
  const glb = await service.json("mesh?rig=true", betas, { label: "Average body", signal, format: "glb" });
  const rigged = await readBody(glb);
  if (photo !== current) return;
  body.setBody(rigged, null);
  await measurements.setBody(rigged.betas);
  add("mesh", "measurements");
}

async function estimateAgain(known, keypoints = photo?.options.keypoints) {
  if (!photo) return;
  photo.options = { ...known, ...(keypoints ? { keypoints } : {}) };
  showProblems(await progress.run([{ name: BODY, run: showPerson }]));
}

/** With several people in the photo: whose body it is. */
function offerPeople() {
  const group = byId("people");
  const { people = [], person } = photo;
  group.hidden = people.length < 2 || !has("reconstruction");
  if (group.hidden) return;
  const chosen = person ? nearest(people, person.box) : 0;
  group.replaceChildren(
    ...people.map((one, index) => {
      const input = make("input", { type: "radio", name: "person", value: index });
      input.checked = index === chosen;
      input.addEventListener("change", () => {
        measurements.forget();
        const keypoints = one.keypoints.map(({ x, y, score }) => [x, y, score]);
        estimateAgain({}, JSON.stringify(keypoints));
      });
      return make("label", {}, input, make("span", {}, `Person ${index + 1}`));
    }),
  );
}

function nearest(people, box) {
  const distance = (one) => one.box.reduce((sum, side, index) => sum + Math.abs(side - box[index]), 0);
  return people.map(distance).reduce((best, value, index, all) => (value < all[best] ? index : best), 0);
}

function followShape(betas) {
  if (canShape()) measurements.setShape(body.isEstimate ? null : betas);
  showFiles();
}

/** Betas and pose of the body on the screen, as /mesh takes them. */
function parameters() {
  const { person } = photo ?? {};
  const pose = person ? { body_pose: person.body_pose, global_orient: person.global_orient } : {};
  return { betas: body.betas.map((beta) => Number(beta.toFixed(4))), ...pose };
}

function add(...names) {
  shown = new Set([...shown, ...names]);
  showFiles();
}

function showFiles() {
  const csv = () => measurements.csv();
  const groups = filesOf({ service, photo, loaded: shown, parameters, csv });
  byId("downloads-card").hidden = !groups.length;
  const showCommand = (text) => (byId("command").textContent = text);
  showDownloads(byId("downloads"), groups.map(withErrors), showCommand);
  const first = groups.flatMap(({ files }) => files).find(({ command }) => command);
  if (first) showCommand(first.command());
}

/** A download that fails says why. */
function withErrors({ what, files }) {
  return {
    what,
    files: files.map((file) => ({
      ...file,
      get: () => file.get().then(() => showProblems([]), (error) => showProblems([error])),
    })),
  };
}

async function copyCommand() {
  await navigator.clipboard?.writeText(byId("command").textContent);
  byId("copy").textContent = "Copied";
  setTimeout(() => (byId("copy").textContent = "Copy"), 1500);
}

async function useKey(event) {
  event.preventDefault();
  service.key = byId("key").value;
  await connect();
}

function showResults(withPhoto) {
  document.body.classList.add("has-results");
  byId("intake").hidden = true;
  byId("bar").hidden = byId("results").hidden = false;
  byId("photo-card").hidden = !withPhoto;
  byId("results").classList.toggle("without-photo", !withPhoto);
}

/** Forget everything of the photo before. */
function restart() {
  progress.stop();
  if (photo) URL.revokeObjectURL(photo.url);
  photo = null;
  shown = new Set();
  timings = [];
  photoMesh.clear();
  body.clear();
  measurements.clear();
  measurements.forget();
  showProblems([]);
  byId("progress").hidden = true;
  byId("people").hidden = true;
  byId("downloads-card").hidden = byId("time-card").hidden = true;
  document.body.classList.remove("has-results");
  byId("intake").hidden = false;
  byId("bar").hidden = byId("results").hidden = true;
}

/** The same reason is told once, whichever steps it stopped. */
function showProblems(errors) {
  const told = new Map(errors.map((error) => [error.message, error]));
  byId("problems").replaceChildren(
    ...[...told.values()].map((error) => {
      if (!(error instanceof Problem)) console.error(error);
      const title = error instanceof Problem ? error.title : "The page has a defect";
      return make("p", { class: "problem" }, make("strong", {}, title), " ", error.message);
    }),
  );
}

/** The answer of a request that only adds to what is shown; null where it fails. */
async function quietly(answer) {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}
