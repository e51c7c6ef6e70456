"""From the skeleton of motion capture to SMPL's joints.

The skeleton is that of the CMU clips in BVH with Daz's names, Y up and facing +Z at rest as SMPL's
bodies do. Directions of limbs are kept. Elbows and knees bend about their hinges alone: how an
upper arm or a thigh is twisted follows from where its hinge must lie, so that no forearm is wrung.
Wrists, ankles, collars, neck and head keep within what joints allow.

F frames.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from model.errors import InvalidInputError
from model.skeletons import SMPL_24_JOINT_NAMES, SMPL_24_PARENTS
from training.datasets.bvh import Motion
from training.synthetic.bodies import Floats
from training.synthetic.poses import LIMITS

_GREATEST_DEG = {"collar": 20.0, "neck": 40.0, "head": 40.0}
"""Greatest turn of these joints."""
# SMPL's joint -> the bone of the clips whose direction it takes.
_BONES = {
    "pelvis": "hip",
    "spine2": "abdomen",
    "spine3": "chest",
    "neck": "neck",
    "head": "head",
    **{
        f"{side}_{joint}": f"{side[0]}{bone}"
        for side in ("left", "right")
        for joint, bone in (
            ("hip", "Thigh"),
            ("knee", "Shin"),
            ("ankle", "Foot"),
            ("collar", "Collar"),
            ("shoulder", "Shldr"),
            ("elbow", "ForeArm"),
            ("wrist", "Hand"),
        )
    },
}
# Where each limb's bone ends in the clips; the direction at rest is from the joint to there.
_NEXT = {"Thigh": "Shin", "Shin": "Foot", "Shldr": "ForeArm", "ForeArm": "Hand", "Hand": "Mid1"}
_INDEX = {name: index for index, name in enumerate(SMPL_24_JOINT_NAMES)}
_STRAIGHT = 0.25
"""How strongly a limb's recorded twist counts against its bend, which tells nothing when small."""
_ARM = {"left": np.array([1.0, 0, 0]), "right": np.array([-1.0, 0, 0])}
_LEG = {
    "left": (np.array([0.086, -0.993, 0.074]), np.array([0.099, -0.992, -0.076])),
    "right": (np.array([-0.086, -0.993, 0.074]), np.array([-0.099, -0.992, -0.076])),
}
"""Thigh and shin of the mean body in T-pose, whose knees are a little bent."""
_DOWN, _AHEAD = np.array([0, -1.0, 0]), np.array([0, 0, 1.0])


def retarget(motion: Motion, name: str) -> Floats:
    """Axis-angle (F, 24, 3) of SMPL's joints; the person faces +Z, tilted as they were.

    Args:
        motion: A clip.
        name: Of the clip, for messages.

    Raises:
        InvalidInputError: The skeleton lacks a bone.
    """
    missing = sorted({*_BONES.values(), "lMid1", "rMid1"} - set(motion.names))
    if missing:
        raise InvalidInputError(f"{name} lacks the bones {', '.join(missing)}")
    turned = motion.global_rotations()
    world: dict[str, Floats] = {
        joint: turned[:, motion.names.index(bone)] for joint, bone in _BONES.items()
    }
    # Half of the bend between hips and chest lies in the lower back.
    pelvis, spine2 = Rotation.from_matrix(world["pelvis"]), Rotation.from_matrix(world["spine2"])
    bend = (pelvis.inv() * spine2).as_rotvec()
    world["spine1"] = (pelvis * Rotation.from_rotvec(bend / 2)).as_matrix()
    for side, along in _ARM.items():
        directions = {bone: _direction(motion, turned, side, bone) for bone in _NEXT}
        upper, fore = directions["Shldr"], directions["ForeArm"]
        world[f"{side}_shoulder"], world[f"{side}_elbow"] = _hinge(
            (along, along), _AHEAD, (upper, fore), world[f"{side}_shoulder"]
        )
        thigh, shin = directions["Thigh"], directions["Shin"]
        world[f"{side}_hip"], world[f"{side}_knee"] = _hinge(
            _LEG[side], -_AHEAD, (thigh, shin), world[f"{side}_hip"]
        )
        hand = _rotation_between(along, _rest_direction(motion, side, "Hand"))
        world[f"{side}_wrist"] = world[f"{side}_wrist"] @ hand
    return _local(world)


def _direction(motion: Motion, turned: Floats, side: str, bone: str) -> Floats:
    """Of a limb's bone in every frame, (F, 3) unit."""
    at_rest = _rest_direction(motion, side, bone)
    direction: Floats = turned[:, motion.names.index(f"{side[0]}{bone}")] @ at_rest
    return direction


def _rest_direction(motion: Motion, side: str, bone: str) -> Floats:
    offset = motion.offsets[motion.names.index(f"{side[0]}{_NEXT[bone]}")]
    unit: Floats = offset / np.linalg.norm(offset)
    return unit


def _hinge(
    rest: tuple[Floats, Floats], bent_to: Floats, limbs: tuple[Floats, Floats], recorded: Floats
) -> tuple[Floats, Floats]:
    """Rotations (F, 3, 3) of a limb's two halves, the second bent about the hinge alone.

    Args:
        rest: (3,) the directions of both halves at rest.
        bent_to: (3,) where the outer half moves when the limb is bent.
        limbs: (F, 3) the directions of both halves.
        recorded: (F, 3, 3) the rotation of the inner half; says how a straight limb is twisted.
    """
    upper, lower = limbs
    towards = lower + _STRAIGHT * (recorded @ bent_to)
    hinge = np.cross(upper, towards)
    hinge_at_rest = np.cross(rest[0], bent_to)
    inner, outer = (
        _frame(half, hinge) @ _frame(at_rest, hinge_at_rest).T
        for half, at_rest in zip(limbs, rest, strict=True)
    )
    return inner, outer


def _frame(along: Floats, aside: Floats) -> Floats:
    """Orthonormal axes (..., 3, 3): a limb, across it and the hinge, then the hinge."""
    along = along / np.linalg.norm(along, axis=-1, keepdims=True)
    aside = aside - (aside * along).sum(-1, keepdims=True) * along
    aside /= np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 1e-9)
    frame: Floats = np.stack([along, np.cross(aside, along), aside], axis=-1)
    return frame


def _rotation_between(source: Floats, target: Floats) -> Floats:
    """Smallest rotation (3, 3) that turns a unit vector (3,) onto another."""
    turn = np.cross(source, target)
    sine = float(np.linalg.norm(turn))
    angle = np.arctan2(sine, float(source @ target))
    matrix: Floats = Rotation.from_rotvec(turn / max(sine, 1e-9) * angle).as_matrix()
    return matrix


def _local(world: dict[str, Floats]) -> Floats:
    """Axis-angle (F, 24, 3) relative to the parents, within limits; the root without heading."""
    root = world["pelvis"]
    ahead = root[..., 2]
    heading = Rotation.from_euler("Y", np.arctan2(ahead[:, :1], ahead[:, 2:]))
    found = np.zeros((len(root), len(_INDEX), 3), np.float32)
    turned: list[Rotation] = []
    for joint, (name, parent) in enumerate(zip(_INDEX, SMPL_24_PARENTS, strict=True)):
        if parent < 0:
            found[:, joint] = (heading.inv() * Rotation.from_matrix(root)).as_rotvec()
            turned.append(Rotation.from_matrix(root))
        elif name in world:
            turned.append(Rotation.from_matrix(world[name]))
            found[:, joint] = _within(name, turned[parent].inv() * turned[joint])
        else:
            turned.append(turned[parent])
    return found


def _within(name: str, relative: Rotation) -> Floats:
    """Axis-angle (F, 3) of a joint, kept within its limits where it has any here."""
    part = name.split("_")[-1]
    if part in _GREATEST_DEG:
        vectors: Floats = relative.as_rotvec()
        angle = np.linalg.norm(vectors, axis=1, keepdims=True)
        least: Floats = np.deg2rad(_GREATEST_DEG[part]) / np.maximum(angle, 1e-9)
        return vectors * np.minimum(1, least)
    if part not in ("wrist", "ankle"):
        free: Floats = relative.as_rotvec()
        return free
    low, high = np.array(LIMITS[f"left_{part}"])
    if name.startswith("right_"):  # the mirror image flips y and z
        low, high = np.array([[1, -1, -1]] * 2) * np.stack([low, high])
        low, high = np.minimum(low, high), np.maximum(low, high)
    angles = relative.as_euler("ZYX", degrees=True)[:, ::-1].clip(low, high)
    clipped: Floats = Rotation.from_euler("ZYX", angles[:, ::-1], degrees=True).as_rotvec()
    return clipped
