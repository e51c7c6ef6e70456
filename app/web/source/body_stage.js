// The 3D view of the body: orbit, zoom, ground and colours.

import {
  Color, DirectionalLight, GridHelper, HemisphereLight, MathUtils, MeshLambertMaterial, PerspectiveCamera, Scene,
  Spherical, Vector3,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { fitToCanvas, onDemand, rendererFor } from "./webgl.js";

const START = new Vector3(0.95, 1.25, 3.45);
const MIDDLE = new Vector3(0, 0.87, 0);
const VIEW_DEG = 32;
const LEAST_ASPECT = 0.62;
/** How much further away the camera starts from a T-pose, whose arms are as wide as the body is high. */
const T_POSE_DISTANCE = 1.3;
const PLAIN = 0xb4bfca;
const TURN = MathUtils.degToRad(10);

export class BodyStage {
  #canvas;
  #renderer;
  #scene = new Scene();
  #camera = new PerspectiveCamera(VIEW_DEG, 1, 0.1, 30);
  #controls;
  #grid = null;
  #view = null;
  #isPosed = true;
  /** Whether a person has turned or moved the view, which then stays. */
  #isTurned = false;
  #material = new MeshLambertMaterial({ color: PLAIN });
  #draw = onDemand(() => this.#drawNow());

  constructor(canvas) {
    this.#canvas = canvas;
    this.#renderer = rendererFor(canvas);
    if (!this.isAvailable) return;
    const sun = new DirectionalLight(0xffffff, 2.1);
    sun.position.set(1.5, 3, 2.5);
    this.#scene.add(new HemisphereLight(0xffffff, 0x8a8378, 1.5), sun);
    this.#controls = new OrbitControls(this.#camera, canvas);
    Object.assign(this.#controls, { minDistance: 0.6, maxDistance: 8, zoomToCursor: false });
    this.#controls.addEventListener("change", this.#draw);
    this.#controls.addEventListener("start", () => (this.#isTurned = true));
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
    new ResizeObserver(this.#draw).observe(canvas);
    this.resetView();
  }

  get isAvailable() {
    return this.#renderer !== null;
  }

  /** Show a body in the place of the one before; the camera stays. */
  setBody(body) {
    if (!this.isAvailable) return;
    if (this.#view) {
      this.#scene.remove(this.#view.root);
      this.#view.dispose();
    }
    this.#view = body.view(this.#material);
    this.#scene.add(this.#view.root);
    this.setPosed(this.#isPosed);
  }

  /** The body's shape has changed. */
  update() {
    this.#view?.update();
    this.#stand();
  }

  /** Put the body on the ground. */
  #stand() {
    if (this.#view) this.#view.root.position.y = -this.#view.lowest();
    this.#draw();
  }

  setPosed(isPosed) {
    this.#isPosed = isPosed;
    this.#view?.setPosed(isPosed);
    if (!this.#isTurned) this.resetView();
    this.#stand();
  }

  setWireframe(isOn) {
    this.#material.wireframe = isOn;
    this.#draw();
  }

  /** Whether vertices have the colours that the body was given. */
  setColoured(isOn) {
    this.#material.vertexColors = isOn;
    this.#material.color.set(isOn ? 0xffffff : PLAIN);
    this.#material.needsUpdate = true;
    this.#draw();
  }

  /** Show or hide the ground: squares of 25 cm. */
  setGrid(isOn, colour) {
    if (this.#grid) {
      this.#scene.remove(this.#grid);
      this.#grid.dispose();
      this.#grid = null;
    }
    if (isOn) {
      this.#grid = new GridHelper(3, 12, new Color(colour), new Color(colour));
      this.#grid.material.transparent = true;
      this.#grid.material.opacity = 0.55;
      this.#scene.add(this.#grid);
    }
    this.#draw();
  }

  resetView() {
    if (!this.isAvailable) return;
    this.#isTurned = false;
    const scale = this.#isPosed ? 1 : T_POSE_DISTANCE;
    this.#camera.position.copy(START).sub(MIDDLE).multiplyScalar(scale).add(MIDDLE);
    this.#controls.target.copy(MIDDLE);
    this.#controls.update();
    this.#draw();
  }

  /** Arrow keys turn, + and - zoom, 0 resets. */
  #onKey(event) {
    const turns = { ArrowLeft: [-TURN, 0], ArrowRight: [TURN, 0], ArrowUp: [0, -TURN], ArrowDown: [0, TURN] };
    const zooms = { "+": 0.87, "=": 0.87, "-": 1.15 };
    if (event.key === "0") this.resetView();
    else if (turns[event.key]) this.#orbit(...turns[event.key], 1);
    else if (zooms[event.key]) this.#orbit(0, 0, zooms[event.key]);
    else return;
    event.preventDefault();
  }

  #orbit(theta, phi, scale) {
    this.#isTurned = true;
    const { target, minDistance, maxDistance } = this.#controls;
    const place = new Spherical().setFromVector3(this.#camera.position.clone().sub(target));
    place.theta += theta;
    place.phi += phi;
    place.radius = MathUtils.clamp(place.radius * scale, minDistance, maxDistance);
    this.#camera.position.setFromSpherical(place.makeSafe()).add(target);
    this.#controls.update();
    this.#draw();
  }

  #drawNow() {
    if (!this.isAvailable || !fitToCanvas(this.#renderer)) return;
    this.#camera.aspect = this.#canvas.clientWidth / this.#canvas.clientHeight;
    // A narrow view shows as much from left to right as one of these proportions.
    const widening = Math.max(1, LEAST_ASPECT / this.#camera.aspect);
    this.#camera.fov = 2 * MathUtils.radToDeg(Math.atan(widening * Math.tan(MathUtils.degToRad(VIEW_DEG / 2))));
    this.#camera.updateProjectionMatrix();
    this.#renderer.render(this.#scene, this.#camera);
  }
}
