// A rigged body: its surface for any betas, from the shape targets of the server's GLB file.

import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { clone } from "three/addons/utils/SkeletonUtils.js";
import { BufferAttribute, Color, SRGBColorSpace, Vector3 } from "three";

const NO_POSE = [0, 0, 0, 1];

/** Read a GLB of the server. */
export async function readBody(blob) {
  const { scene } = await new GLTFLoader().parseAsync(await blob.arrayBuffer(), "");
  return new Body(scene);
}

export class Body {
  #scene;
  #rest;
  #targets;
  #perTarget;

  constructor(scene) {
    this.#scene = scene;
    const mesh = skinnedMesh(scene);
    this.geometry = mesh.geometry;
    this.#rest = this.geometry.attributes.position.array.slice();
    const { betas, betas_per_target: perTarget, lift, targetNames } = mesh.userData;
    /** The shape of the file itself. */
    this.betas = betas;
    /** How far the file is above the place that the pose and `transl` of the API mean, in metres. */
    this.lift = lift;
    this.#perTarget = perTarget;
    const morphs = this.geometry.morphAttributes.position;
    this.#targets = betas.map((_, beta) => morphs[targetNames.indexOf(`beta_${beta}_plus`)]?.array);
    // The page adds the targets up itself: then normals and distances are those of the shape, and
    // a graphics processor without textures for targets can show it.
    this.geometry.morphAttributes = {};
    this.geometry.computeVertexNormals();
  }

  get numVertices() {
    return this.#rest.length / 3;
  }

  /** Vertices in the T-pose, in metres. */
  vertices(betas, into = new Float32Array(this.#rest.length)) {
    into.set(this.#rest);
    this.#targets.forEach((target, beta) => {
      const weight = ((betas[beta] ?? 0) - this.betas[beta]) / this.#perTarget;
      if (!target || weight === 0) return;
      for (let index = 0; index < into.length; index++) into[index] += weight * target[index];
    });
    return into;
  }

  /** Show another shape in all views. */
  setBetas(betas) {
    const position = this.geometry.attributes.position;
    this.vertices(betas, position.array);
    position.needsUpdate = true;
    this.geometry.computeVertexNormals();
  }

  /** Give each vertex a colour: three bytes each in sRGB. */
  setColours(bytes) {
    const colours = new Float32Array(bytes.length);
    const colour = new Color();
    for (let at = 0; at < bytes.length; at += 3) {
      colour.setRGB(bytes[at] / 255, bytes[at + 1] / 255, bytes[at + 2] / 255, SRGBColorSpace);
      colour.toArray(colours, at);
    }
    this.geometry.setAttribute("color", new BufferAttribute(colours, 3));
  }

  /** A value for each vertex: those of the joints, weighted as the joints move it. */
  spread(valueOfJoint) {
    const { skinIndex, skinWeight } = this.geometry.attributes;
    const ofJoint = skinnedMesh(this.#scene).skeleton.bones.map(({ name }) => valueOfJoint(name));
    return Float32Array.from({ length: this.numVertices }, (_, vertex) => {
      let sum = 0;
      for (let part = 0; part < 4; part++) {
        sum += skinWeight.getComponent(vertex, part) * ofJoint[skinIndex.getComponent(vertex, part)];
      }
      return sum;
    });
  }

  /** A copy that has a skeleton of its own and shares the surface. */
  view(material) {
    return new BodyView(clone(this.#scene), material);
  }
}

/** A body in one scene. */
export class BodyView {
  #bones;
  #poses;
  #lowest = null;

  constructor(root, material) {
    this.root = root;
    this.mesh = skinnedMesh(root);
    this.mesh.material = material;
    // The box of the rest pose says nothing of where limbs are.
    this.mesh.frustumCulled = false;
    this.#bones = this.mesh.skeleton.bones;
    this.#poses = this.#bones.map((bone) => bone.quaternion.toArray());
  }

  /** The pose of the file, or the T-pose. */
  setPosed(isPosed) {
    this.#bones.forEach((bone, index) => bone.quaternion.fromArray(isPosed ? this.#poses[index] : NO_POSE));
    this.root.updateMatrixWorld(true);
    this.#lowest = null;
  }

  /** Height of the lowest point above the root, for a body that stands on the ground. */
  lowest() {
    const point = new Vector3();
    const heightOf = (vertex) => this.mesh.getVertexPosition(vertex, point).y;
    if (!this.#lowest) {
      const count = this.mesh.geometry.attributes.position.count;
      const heights = Float32Array.from({ length: count }, (_, vertex) => heightOf(vertex));
      // Sliders move the body many times a second: afterwards only what was low is looked at.
      const order = Uint32Array.from(heights.keys()).sort((a, b) => heights[a] - heights[b]);
      this.#lowest = order.slice(0, 400);
    }
    return this.#lowest.reduce((low, vertex) => Math.min(low, heightOf(vertex)), Infinity);
  }
}

function skinnedMesh(root) {
  let found = null;
  root.traverse((node) => {
    if (node.isSkinnedMesh) found = node;
  });
  return found;
}
