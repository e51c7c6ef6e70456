"""Whether a pose puts limbs into one another: capsules around the bones.

C poses, K capsules.
"""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from model.body.kinematics import ancestors, forward_kinematics
from model.skeletons import SMPL_24_JOINT_NAMES, SMPL_24_PARENTS
from training.synthetic.bodies import Floats, Ints

_SIDES = ("left", "right")
# Name -> joint that moves it, and joint where it ends; hands, feet and head go on a little.
_BONES = {
    "belly": ("pelvis", "spine2"),
    "chest": ("spine2", "neck"),
    "head": ("head", None),
    **{
        f"{side}_{name}": (f"{side}_{near}", f"{side}_{far}" if far else None)
        for side in _SIDES
        for name, near, far in (
            ("upper_arm", "shoulder", "elbow"),
            ("forearm", "elbow", "wrist"),
            ("hand", "wrist", None),
            ("thigh", "hip", "knee"),
            ("shin", "knee", "ankle"),
            ("foot", "ankle", "foot"),
        )
    },
}
_NAMES = list(_BONES)
# How a bone without an end goes on, in the T-pose, in metres.
_ENDS = {"head": (0.0, 0.14, 0.03), "left_hand": (0.15, 0, 0), "right_hand": (-0.15, 0, 0)}
_OTHER = {"left": "right", "right": "left"}
_PAIRS = [
    (f"{side}_{part}", other)
    for side in _SIDES
    for part in ("forearm", "hand")
    for other in (
        "belly",
        "chest",
        "head",
        "left_thigh",
        "right_thigh",
        f"{_OTHER[side]}_upper_arm",
        f"{_OTHER[side]}_forearm",
        f"{_OTHER[side]}_hand",
    )
] + [
    ("left_shin", "right_shin"),
    ("left_foot", "right_foot"),
    *[
        (f"{side}_{part}", f"{_OTHER[side]}_{other}")
        for side in _SIDES
        for part, other in (("shin", "thigh"), ("foot", "shin"))
    ],
]
POINTS = 6
"""On each capsule's axis; with them distances are right to about a centimetre."""
TOLERANCE = 0.03
"""Metres; flesh gives way that far before a pose is refused."""


class Capsules:
    """The capsules of one person."""

    def __init__(self, joints: Floats, vertices: Floats, dominant: Ints) -> None:
        """Fit a radius to each bone.

        Args:
            joints: (24, 3) in T-pose.
            vertices: (V, 3) of the body's surface in T-pose.
            dominant: (V,) the joint that moves each vertex most.
        """
        self._joints = joints
        self._bones = np.empty((len(_NAMES), 2, 3))
        self._moved_by = np.empty(len(_NAMES), int)
        self._radii = np.empty(len(_NAMES))
        for number, (name, (near, far)) in enumerate(_BONES.items()):
            index = SMPL_24_JOINT_NAMES.index(near)
            start = joints[index]
            end = start + _ENDS[name] if far is None else joints[SMPL_24_JOINT_NAMES.index(far)]
            self._bones[number] = start, end
            self._moved_by[number] = index
            self._radii[number] = _radius(vertices[dominant == index], start, end)
        self._pairs = np.array([[_NAMES.index(one), _NAMES.index(two)] for one, two in _PAIRS])

    def overlap(self, poses: Floats) -> Floats:
        """How deep the worst pair of limbs is inside one another beyond what flesh allows.

        Args:
            poses: (C, 24, 3) axis-angle.

        Returns:
            (C,) metres; at most 0 where the pose is possible.
        """
        rest = torch.from_numpy(self._joints.astype(np.float32)).expand(len(poses), -1, -1)
        matrices = Rotation.from_rotvec(poses.reshape(-1, 3)).as_matrix().astype(np.float32)
        rotations = torch.from_numpy(matrices).unflatten(0, (len(poses), -1))
        world = forward_kinematics(rotations, rest, ancestors(SMPL_24_PARENTS)).numpy()[
            :, self._moved_by
        ]
        local = self._bones - self._joints[self._moved_by][:, None]
        ends = local @ world[..., :3, :3].swapaxes(-1, -2) + world[:, :, None, :3, 3]
        share = np.linspace(0, 1, POINTS)[:, None]
        points = ends[:, :, :1] * (1 - share) + ends[:, :, 1:] * share
        one, two = points[:, self._pairs[:, 0]], points[:, self._pairs[:, 1]]
        squares = (one**2).sum(-1)[..., :, None] + (two**2).sum(-1)[..., None, :]
        squares = squares - 2 * one @ two.swapaxes(-1, -2)
        apart = np.sqrt(np.maximum(squares.reshape(*squares.shape[:2], -1).min(-1), 0))
        allowed = self._radii[self._pairs].sum(1) - TOLERANCE
        deepest: Floats = (allowed - apart).max(1)
        return deepest


def _radius(vertices: Floats, start: Floats, end: Floats) -> float:
    """Median distance of a bone's skin from the line through it."""
    axis = (end - start) / np.linalg.norm(end - start)
    offset = vertices - start
    across = offset - (offset @ axis)[:, None] * axis
    return float(np.median(np.linalg.norm(across, axis=1)))
