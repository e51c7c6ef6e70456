// The mesh over the photo, seen by the camera that the server estimated.

import { DirectionalLight, HemisphereLight, MeshLambertMaterial, PerspectiveCamera, Scene } from "three";
import { fitToCanvas, onDemand, rendererFor } from "./webgl.js";

const NEAR = 0.05;
const FAR = 100;

export class PhotoMesh {
  #renderer;
  #scene = new Scene();
  #camera = new PerspectiveCamera();
  #material = new MeshLambertMaterial({ color: 0x9fc3e6 });
  #view = null;
  #isOld = false;
  #draw = onDemand(() => {
    if (!this.#view || !this.isAvailable || !fitToCanvas(this.#renderer)) return;
    // A layer that is switched off need not follow the sliders.
    if (this.#isOld) this.#view.update();
    this.#isOld = false;
    this.#renderer.render(this.#scene, this.#camera);
  });

  constructor(canvas) {
    this.#renderer = rendererFor(canvas);
    if (!this.isAvailable) return;
    const lamp = new DirectionalLight(0xffffff, 2);
    lamp.position.set(0.3, 0.6, 1);
    this.#scene.add(new HemisphereLight(0xffffff, 0x777777, 1.2), lamp);
    new ResizeObserver(this.#draw).observe(canvas);
  }

  get isAvailable() {
    return this.#renderer !== null;
  }

  /**
   * Show a body of a photo.
   *
   * @param {Body} body
   * @param {object} person - Of the JSON of /reconstruct.
   * @param {{width: number, height: number}} size - Of the photo, in pixels.
   */
  setBody(body, { camera, transl }, { width, height }) {
    if (!this.isAvailable) return;
    this.clear();
    this.#view = body.view(this.#material);
    this.#view.setPosed(true);
    this.#view.root.position.set(transl[0], transl[1] - body.lift, transl[2]);
    this.#scene.add(this.#view.root);
    // A pinhole camera at the origin that looks along -Z; its centre may be off the middle.
    const { focal_px: focal, centre_px: [x, y] } = camera;
    const atNear = (pixels) => (pixels * NEAR) / focal;
    this.#camera.projectionMatrix.makePerspective(
      atNear(-x), atNear(width - x), atNear(y), atNear(y - height), NEAR, FAR,
    );
    this.#camera.projectionMatrixInverse.copy(this.#camera.projectionMatrix).invert();
    this.#draw();
  }

  /** The body's shape has changed, or the layer was switched on. */
  update() {
    this.#isOld = true;
    this.#draw();
  }

  clear() {
    if (this.#view) {
      this.#scene.remove(this.#view.root);
      this.#view.dispose();
    }
    this.#view = null;
  }
}
