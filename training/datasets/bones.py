"""Thin lines along a person's bones: pixels that show the body whatever is worn over it.

A bone runs through the middle of its limb. So a line from joint to joint that is much thinner than
the limb lies inside the body's silhouette, under any coat or skirt, as long as the joints are found
well. Two things say whether they are: the landmarker's own visibility, and labels of the
background, which a bone cannot cross.

H W a picture's size.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from model.skeletons import MEDIAPIPE_33_NAMES
from training.datasets.ccp_keypoints import Pose

VISIBILITY = 0.9
"""Least visibility of every landmark that a bone hangs on.

On 272 rendered people, whose bodies are known, 0.65 % of the pixels of the lines that this leaves
lay in cloth beside the body; 1.0 % with 0.8, 1.4 % with 0.5.
"""
WIDTH_FRACTION = 0.04
"""A line's width over the torso's length: some 2 cm, a third of a wrist."""
LARGEST_BACKGROUND = 0.05
"""A line with a larger share of its pixels on the background is not used at all."""


@dataclass(frozen=True)
class Bone:
    """A straight line between two joints, or between the middles of two pairs of joints."""

    name: str
    start: tuple[int, ...]
    """Landmarks whose mean it begins at."""
    end: tuple[int, ...]
    """Landmarks whose mean it ends at."""


def _bone(name: str, start: tuple[str, ...], end: tuple[str, ...]) -> Bone:
    first, last = (tuple(map(MEDIAPIPE_33_NAMES.index, names)) for names in (start, end))
    return Bone(name, first, last)


_SHOULDERS, _HIPS = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")
SPINE = _bone("spine", _SHOULDERS, _HIPS)
BONES = (
    SPINE,
    _bone("shoulders", _SHOULDERS[:1], _SHOULDERS[1:]),
    _bone("hips", _HIPS[:1], _HIPS[1:]),
    *(
        _bone(f"{side}_{limb}", (f"{side}_{start}",), (f"{side}_{end}",))
        for limb, start, end in (
            ("upper_arm", "shoulder", "elbow"),
            ("forearm", "elbow", "wrist"),
            ("thigh", "hip", "knee"),
            ("shin", "knee", "ankle"),
        )
        for side in ("left", "right")
    ),
)


def bone_mask(pose: Pose, background: np.ndarray) -> np.ndarray:
    """The pixels on reliable bones, (H, W) bool; none on the background.

    Where the spine itself is not reliable, somebody or something else was found: no bone is used.

    Args:
        pose: Found in the picture.
        background: (H, W) bool, where the person is known not to be.
    """
    lines = {bone: bone_line(bone, pose, background.shape) for bone in visible_bones(pose)}
    reliable = {
        bone: line
        for bone, line in lines.items()
        if background_share(line, background) <= LARGEST_BACKGROUND
    }
    mask = np.zeros(background.shape, bool)
    if SPINE in reliable:
        for line in reliable.values():
            mask |= line
    mask &= ~background
    return mask


def visible_bones(pose: Pose) -> Iterator[Bone]:
    """Those whose joints the landmarker is sure of."""
    for bone in BONES:
        if pose.found and pose.visibility[[*bone.start, *bone.end]].min() >= VISIBILITY:
            yield bone


def bone_line(
    bone: Bone, pose: Pose, size: tuple[int, ...], thickness: float | None = None
) -> np.ndarray:
    """The pixels of a bone's line, (H, W) bool; at least a pixel wide.

    Args:
        bone: Any.
        pose: With somebody in it.
        size: (height, width) of the picture.
        thickness: In pixels; when left out, WIDTH_FRACTION of the torso's length.
    """
    height, width = size
    points = pose.landmarks * np.array([width, height], np.float32)
    if thickness is None:
        torso = points[list(SPINE.start)].mean(0) - points[list(SPINE.end)].mean(0)
        thickness = WIDTH_FRACTION * float(np.hypot(*torso))
    ends = [tuple(points[list(joint)].mean(0).tolist()) for joint in (bone.start, bone.end)]
    picture = Image.new("L", (width, height))
    ImageDraw.Draw(picture).line(ends, fill=255, width=max(1, round(thickness)))
    line: np.ndarray = np.asarray(picture) > 0
    return line


def background_share(line: np.ndarray, background: np.ndarray) -> float:
    """How much of a line lies on the background; all of it where no pixel is inside the picture."""
    pixels = int(line.sum())
    return int((line & background).sum()) / pixels if pixels else 1.0
