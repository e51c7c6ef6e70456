// How far to trust each joint of a mesh, for all of SMPL's joints.

/** Joints that the server does not judge, and those whose mean they take. */
const NEAREST = {
  pelvis: ["left_hip", "right_hip"],
  spine1: ["left_hip", "right_hip"],
  spine2: ["left_hip", "right_hip", "neck"],
  spine3: ["neck", "left_shoulder", "right_shoulder"],
  left_collar: ["neck", "left_shoulder"],
  right_collar: ["neck", "right_shoulder"],
  left_foot: ["left_ankle"],
  right_foot: ["right_ankle"],
  left_hand: ["left_wrist"],
  right_hand: ["right_wrist"],
};

/** Trust of a joint, from the `trust.joints` of a reconstruction; 0.5 where nothing is known. */
export function trustOf(joints, name) {
  const known = (name in joints ? [name] : (NEAREST[name] ?? [])).filter((source) => source in joints);
  if (!known.length) return 0.5;
  return known.reduce((sum, source) => sum + joints[source], 0) / known.length;
}
