"""Limbs of people with COCO's keypoints: how long the whole person is.

Keypoints as in `training.datasets.coco_keypoints`.
"""

import numpy as np

from training.datasets.bones import visible_bones
from training.datasets.coco_keypoints import pose_of

BONE_LENGTHS = {
    **{"upper_arm": 0.172, "forearm": 0.157, "thigh": 0.245, "shin": 0.246, "spine": 0.288},
    **{"shoulders": 0.21, "hips": 0.10},
}
"""Of bones over the stature, joint to joint.

Source: Drillis and Contini, Body Segment Parameters, 1966, as given by Winter, Biomechanics and
Motor Control of Human Movement, figure 4.1; spine, shoulders and hips between the joints' centres.
"""


def bone_kind(name: str) -> str:
    """Of a bone, whichever side it is on: a key of BONE_LENGTHS."""
    return name.removeprefix("left_").removeprefix("right_")


def stature_of(keypoints: np.ndarray) -> float:
    """In pixels: the median of what the visible bones say; 0 where none is visible.

    A bone that points to the camera looks shorter, so this is rather too small than too large.

    Args:
        keypoints: (17, 3).
    """
    pose = pose_of(keypoints, (1, 1))
    lengths = []
    for bone in visible_bones(pose):
        ends = [pose.landmarks[list(joint)].mean(0) for joint in (bone.start, bone.end)]
        lengths.append(float(np.hypot(*(ends[0] - ends[1]))) / BONE_LENGTHS[bone_kind(bone.name)])
    return float(np.median(lengths)) if lengths else 0.0
