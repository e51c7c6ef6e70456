// A rigged body: its surface for any betas, from the shape targets of the server's GLB file.

import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { clone } from "three/addons/utils/SkeletonUtils.js";
import { BufferAttribute, BufferGeometry, Color, Matrix4, Mesh, SRGBColorSpace } from "three";

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
    // The page adds the targets up itself: then normals and distances are those of the shape.
    this.geometry.morphAttributes = {};
    /** Of the vertices, in all views. */
    this.colours = new BufferAttribute(new Float32Array(this.#rest.length).fill(1), 3);
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

  /** Take another shape; views follow when they are updated. */
  setBetas(betas) {
    this.vertices(betas, this.geometry.attributes.position.array);
  }

  /** Give each vertex a colour: three bytes each in sRGB. */
  setColours(bytes) {
    const colour = new Color();
    for (let at = 0; at < bytes.length; at += 3) {
      colour.setRGB(bytes[at] / 255, bytes[at + 1] / 255, bytes[at + 2] / 255, SRGBColorSpace);
      colour.toArray(this.colours.array, at);
    }
    this.colours.needsUpdate = true;
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

  /** A copy with a skeleton of its own, which follows the shape. */
  view(material) {
    return new BodyView(this, clone(this.#scene), material);
  }
}

/** A body in one scene, in a pose. */
export class BodyView {
  #body;
  #skeleton;
  #poses;
  #isPosed = true;
  #matrices = [];

  constructor(body, root, material) {
    this.#body = body;
    const { skeleton } = skinnedMesh(root);
    this.#skeleton = skeleton;
    this.#poses = skeleton.bones.map((bone) => bone.quaternion.toArray());
    const { index, attributes } = body.geometry;
    this.geometry = new BufferGeometry();
    this.geometry.setIndex(index);
    this.geometry.setAttribute("position", attributes.position.clone());
    this.geometry.setAttribute("color", body.colours);
    /** To be put into a scene. */
    this.root = new Mesh(this.geometry, material);
    // The surface moves: a box of one pose says nothing of the next.
    this.root.frustumCulled = false;
  }

  /** The pose of the file, or the T-pose. */
  setPosed(isPosed) {
    this.#isPosed = isPosed;
    const { bones, boneInverses } = this.#skeleton;
    bones.forEach((bone, index) => bone.quaternion.fromArray(isPosed ? this.#poses[index] : NO_POSE));
    // The pelvis comes first, and has no parent that moves it.
    bones[0].updateMatrixWorld(true);
    const product = new Matrix4();
    this.#matrices = bones.map((bone, index) => product.multiplyMatrices(bone.matrixWorld, boneInverses[index]).toArray());
    this.update();
  }

  /**
   * Follow the body's shape.
   *
   * Skinning is done here: in software, graphics take ten times as long for it as this loop.
   */
  update() {
    const rest = this.#body.geometry.attributes.position.array;
    const { position } = this.geometry.attributes;
    if (this.#isPosed) this.#skin(rest, position.array);
    else position.array.set(rest);
    position.needsUpdate = true;
    this.geometry.computeVertexNormals();
  }

  #skin(rest, into) {
    const { skinIndex, skinWeight } = this.#body.geometry.attributes;
    const [joints, weights] = [skinIndex.array, skinWeight.array];
    for (let vertex = 0; vertex < rest.length / 3; vertex++) {
      const [x, y, z] = [rest[3 * vertex], rest[3 * vertex + 1], rest[3 * vertex + 2]];
      let [a, b, c] = [0, 0, 0];
      for (let part = 4 * vertex; part < 4 * vertex + 4; part++) {
        const weight = weights[part];
        if (weight === 0) continue;
        // Column by column.
        const m = this.#matrices[joints[part]];
        a += weight * (m[0] * x + m[4] * y + m[8] * z + m[12]);
        b += weight * (m[1] * x + m[5] * y + m[9] * z + m[13]);
        c += weight * (m[2] * x + m[6] * y + m[10] * z + m[14]);
      }
      into[3 * vertex] = a;
      into[3 * vertex + 1] = b;
      into[3 * vertex + 2] = c;
    }
  }

  /** Height of the lowest point above the root, for a body that stands on the ground. */
  lowest() {
    const { array } = this.geometry.attributes.position;
    let low = Infinity;
    for (let at = 1; at < array.length; at += 3) low = Math.min(low, array[at]);
    return low;
  }

  /** Free what the graphics hold. */
  dispose() {
    this.geometry.dispose();
  }
}

function skinnedMesh(root) {
  let found = null;
  root.traverse((node) => {
    if (node.isSkinnedMesh) found = node;
  });
  return found;
}
