"""The 14 joints that a mesh is judged by, and how other skeletons give them.

N people, K points of a skeleton, C columns: x, y and perhaps a score.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float32

from model.errors import InvalidInputError
from model.skeletons import (
    COCO_17_NAMES,
    LSP_14_NAMES,
    MEDIAPIPE_33_NAMES,
    OPENPOSE_18_NAMES,
    OPENPOSE_25_NAMES,
    SMPL_24_JOINT_NAMES,
)

JOINT_NAMES = LSP_14_NAMES
"""`head` is the nose where a skeleton has one, else the joint of that name."""
NUM_JOINTS = len(JOINT_NAMES)
RIGHT_HIP, LEFT_HIP, NECK = 2, 3, 12
NECK_WEIGHT = 1.3
"""Of the neck in the spine, beside the middle of the hips.

Source: Jafarian, Qureshi, Error Estimation for Single-Image Human Body Mesh Reconstruction,
arXiv 2305.17245, and its code.
"""


def _of(names: tuple[str, ...], neck: str | None, head: str) -> tuple[tuple[int, ...], ...]:
    """For each of the 14 joints, the points whose mean it is."""
    found = []
    for joint in JOINT_NAMES:
        named = {"neck": neck, "head": head}.get(joint, joint)
        points = ("left_shoulder", "right_shoulder") if named is None else (named,)
        found.append(tuple(names.index(point) for point in points))
    return tuple(found)


def _single(*indices: int) -> tuple[tuple[int, ...], ...]:
    return tuple((index,) for index in indices)


LAYOUTS: Mapping[int, tuple[str, tuple[tuple[int, ...], ...]]] = {
    14: ("the 14 joints themselves", _single(*range(NUM_JOINTS))),
    17: ("COCO", _of(COCO_17_NAMES, None, "nose")),
    18: ("OpenPose", _of(OPENPOSE_18_NAMES, "neck", "nose")),
    24: ("SMPL", _of(SMPL_24_JOINT_NAMES, "neck", "head")),
    25: ("OpenPose", _of(OPENPOSE_25_NAMES, "neck", "nose")),
    33: ("MediaPipe", _of(MEDIAPIPE_33_NAMES, None, "nose")),
    44: ("HMR 2.0", _of(OPENPOSE_25_NAMES, "neck", "nose")),
    49: ("SPIN", _single(11, 10, 9, 12, 13, 14, 4, 3, 2, 5, 6, 7, 40, 0)),
}
"""By number of points: what has so many, and the points whose mean is each of the 14 joints.

Source: the keypoint lists of OpenPose, SPIN (Kolotouros et al., ICCV 2019) and 4DHumans (Goel et
al., ICCV 2023), whose first 25 points are OpenPose's.
"""


def to_joints(points: Float[np.ndarray, "N K C"], name: str) -> Float32[np.ndarray, "N 14 C"]:
    """The 14 joints of skeletons with K points; a mean has the lowest score of its points.

    Args:
        points: x, y in pixels and perhaps a score. A point is missing where its coordinates are
            not finite or its score is 0.
        name: Of the array, for the message.

    Raises:
        InvalidInputError: No known skeleton has so many points.
    """
    if points.shape[1] not in LAYOUTS:
        known = ", ".join(f"{number} ({layout[0]})" for number, layout in LAYOUTS.items())
        raise InvalidInputError(f"{name} has {points.shape[1]} points; {known} are read")
    _, sources = LAYOUTS[points.shape[1]]
    found = np.stack([points[:, list(source)].mean(1) for source in sources], 1)
    if points.shape[2] == 3:
        lowest = [points[:, list(source), 2].min(1) for source in sources]
        found[..., 2] = np.stack(lowest, 1)
    return found.astype(np.float32)


def spine_of(joints: Float[np.ndarray, "*n 14 2"]) -> Float[np.ndarray, "*n 2"]:
    """The point by which two skeletons are aligned: between the hips and the neck."""
    hips = (joints[..., RIGHT_HIP, :] + joints[..., LEFT_HIP, :]) / 2
    spine: np.ndarray = (hips + NECK_WEIGHT * joints[..., NECK, :]) / (1 + NECK_WEIGHT)
    return spine
