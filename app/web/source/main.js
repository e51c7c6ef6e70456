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
  again: () => estimateAgain(),
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
// For programs that drive the page.
document.body.dataset.ready = "";

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
  const [devices, formats] = ["device", "precision"].map(namesOf);
  byId("server").textContent = devices ? `Runs on ${devices}` : "";
  byId("device").textContent = [devices, formats].filter(Boolean).join(" in ");
  byId("average-line").hidden = !has("body");
}

/** The devices, or the number formats, of all capabilities together. */
function namesOf(field) {
  return [...new Set([...capabilities.values()].map((state) => state[field]).filter(Boolean))].join(" and ");
}

function has(name) {
  return capabilities.get(name)?.loaded ?? false;
}

/** Whether /mesh and /measurements speak of the body on the screen. */
function canShape() {
  const file = capabilities.get("body")?.checkpoint?.file ?? BODY_FILE;
  return has("body") && (!photo?.people.length || file === BODY_FILE);
}

async function takePhoto(file) {
  restart();
  const current = { file, url: URL.createObjectURL(file), people: [], chosen: 0, known: {}, size: null };
  photo = current;
  byId("photo-name").textContent = file.name || "Photo";
  stage.setPhoto(photo.url, file.name);
  showResults(true);
  const maps = [
    ...(has("silhouette") ? [{ name: "Confidence map", run: showConfidence }] : []),
    ...(has("clothing") ? [{ name: "Garments", run: showGarments }] : []),
  ];
  // The server computes the map once for everything that is asked for together.
  let errors = await progress.run(has("reconstruction") ? [{ name: "Body, map and garments", run: showAll }] : maps);
  if (photo !== current) return;
  if (has("reconstruction") && errors.some(isAboutBodies)) errors = [...errors, ...(await progress.run(maps))];
  if (photo !== current) return;
  showProblems(errors);
  if (shown.size && !photo.people.length && has("body")) showProblems([...errors, ...(await runAverage())]);
}

/** Whether a photo without a body may still have maps. */
function isAboutBodies({ code, status }) {
  return code === "no-person" || status === 503;
}

async function showAll(signal) {
  const current = photo;
  const include = ["confidence", ...(has("clothing") ? ["clothing"] : [])].join(",");
  const options = { people: "all", include };
  const answer = await service.photo("reconstruct", current.file, { label: "Photo", options, signal });
  const { width, height, clothing } = answer;
  const map = await greyPixels(answer.confidence_png_base64);
  const ids = clothing && (await greyPixels(clothing.map_png_base64));
  if (photo !== current) return;
  stage.setConfidence(map);
  add("silhouette");
  if (clothing) {
    stage.setGarments(clothing, ids);
    add("clothing");
  }
  Object.assign(photo, { size: { width, height }, people: answer.people });
  await showPerson(0, signal);
}

async function showConfidence(signal) {
  const current = photo;
  const answer = await service.photo("confidence", current.file, { label: "Confidence map", signal });
  const map = await greyPixels(answer.map_png_base64);
  if (photo !== current) return;
  stage.setConfidence(map);
  if (answer.people?.length) stage.setKeypoints(answer.people, answer);
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

/** One of the people in the photo: numbers, and the rigged mesh. */
async function showPerson(index, signal) {
  const current = photo;
  const person = photo.people[index];
  const rigged = await readBody(await riggedMesh(person, index, signal));
  if (photo !== current) return;
  photo.chosen = index;
  body.setBody(rigged, person);
  measurements.setEstimate(person.measurements);
  if (photoMesh.isAvailable) {
    photoMesh.setBody(rigged, person, photo.size);
    stage.setMesh(byId("layer-mesh"), () => photoMesh.update());
  } else {
    await showMeshPicture(signal);
  }
  stage.setKeypoints([person], photo.size);
  offerPeople();
  add("reconstruction", "measurements", ...(canShape() ? ["mesh"] : []));
}

function riggedMesh(person, index, signal) {
  const request = { label: "Rigged mesh", signal, format: "glb" };
  if (canShape()) return service.json("mesh?rig=true", parametersOf(person, person.betas.mean), request);
  return service.photo("reconstruct", photo.file, { ...request, options: optionsOf(index) });
}

/** Without WebGL the server draws the mesh. */
async function showMeshPicture(signal) {
  const picture = byId("layer-mesh-picture");
  const options = optionsOf(photo.chosen);
  const drawn = await service.photo("reconstruct", photo.file, { options, signal, format: "png" });
  picture.onload = () => URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(drawn);
  picture.alt = "The mesh over the photo";
  stage.setMesh(picture);
}

/** What /reconstruct needs to give one person; the first is the largest, which it takes itself. */
function optionsOf(index) {
  if (index === 0) return photo.known;
  const keypoints = photo.people[index].keypoints.map(({ x, y, score }) => [x, y, score]);
  return { ...photo.known, keypoints: JSON.stringify(keypoints) };
}

/** The body without a photo: people move the sliders. */
async function startWithoutPhoto() {
  restart();
  byId("photo-name").textContent = "Without a photo";
  showResults(false);
  showProblems(await runAverage());
}

function runAverage() {
  return progress.run([{ name: "Average body", run: showAverage }]);
}

async function showAverage(signal) {
  const current = photo;
  const request = { label: "Average body", signal, format: "glb" };
  const rigged = await readBody(await service.json("mesh?rig=true", { betas: [0] }, request));
  if (photo !== current) return;
  body.setBody(rigged, null);
  await measurements.setBody(rigged.betas);
  add("mesh", "measurements");
}

/** Estimate the chosen person again, with what is known of them. */
async function estimateAgain() {
  const current = photo;
  current.known = measurements.known;
  const run = async (signal) => {
    const options = optionsOf(current.chosen);
    const answer = await service.photo("reconstruct", current.file, { label: "Again", options, signal });
    if (photo !== current) return;
    current.people = current.people.with(current.chosen, answer.people[0]);
    await showPerson(current.chosen, signal);
  };
  showProblems(await progress.run([{ name: "Body", run }]));
}

/** With several people in the photo: whose body it is. */
function offerPeople() {
  const group = byId("people");
  group.hidden = photo.people.length < 2;
  group.replaceChildren(
    ...photo.people.map((_, index) => {
      const input = make("input", { type: "radio", name: "person", value: index });
      input.checked = index === photo.chosen;
      input.addEventListener("change", async () => {
        // What was known is of another person.
        measurements.forget();
        photo.known = {};
        showProblems(await progress.run([{ name: "Body", run: (signal) => showPerson(index, signal) }]));
      });
      return make("label", {}, input, make("span", {}, `Person ${index + 1}`));
    }),
  );
}

function followShape(betas) {
  if (canShape()) measurements.setShape(body.isEstimate ? null : betas);
  showFiles();
}

/** Betas and pose of the body on the screen, as /mesh takes them. */
function parameters() {
  return parametersOf(photo?.people[photo.chosen], body.betas);
}

function parametersOf(person, betas) {
  const pose = person ? { body_pose: person.body_pose, global_orient: person.global_orient } : {};
  return { betas: betas.map((beta) => Number(beta.toFixed(4))), ...pose };
}

function add(...names) {
  shown = new Set([...shown, ...names]);
  showFiles();
}

function showFiles() {
  const csv = () => measurements.csv();
  const options = photo?.people.length ? optionsOf(photo.chosen) : {};
  const groups = filesOf({ service, photo: { ...photo, options }, loaded: shown, parameters, csv });
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
