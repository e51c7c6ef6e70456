"""Thin lines between the joints of a person: pixels that are body under any garment.

A bone runs through the middle of its limb. A line from joint to joint that is much thinner than the
limb therefore lies inside the body's silhouette if the joints are correct. A line is used if the
landmarker is certain of its joints and the line does not cross labelled background.

H W a picture's size.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from tqdm import tqdm

from model.skeletons import MEDIAPIPE_33_NAMES
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import CcpKeypoints, Pose

VISIBILITY = 0.9
"""Smallest visibility of the landmarks of a bone.

On 272 rendered people, whose bodies are known, 0.65 % of the pixels of the lines were cloth beside
the body; 1.0 % with 0.8, 1.4 % with 0.5.
"""
WIDTH_FRACTION = 0.04
"""Width of a line over the length of the torso: about 2 cm, a third of a wrist."""
LARGEST_BACKGROUND = 0.05
"""Largest share of a line's pixels that may be background; otherwise the line is not used."""


@dataclass(frozen=True)
class Bone:
    """A straight line between two joints, or between the midpoints of two pairs of joints."""

    name: str
    start: tuple[int, ...]
    """Landmarks whose mean is one end."""
    end: tuple[int, ...]
    """Landmarks whose mean is the other end."""


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

    Without a reliable spine the landmarker has found something else, and no bone is used.

    Args:
        pose: Of the person in the picture.
        background: (H, W) bool, the pixels labelled as background.
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
    """The bones whose landmarks have at least the visibility `VISIBILITY`."""
    for bone in BONES:
        if pose.found and pose.visibility[[*bone.start, *bone.end]].min() >= VISIBILITY:
            yield bone


def bone_line(
    bone: Bone, pose: Pose, size: tuple[int, ...], thickness: float | None = None
) -> np.ndarray:
    """The pixels of a bone's line, (H, W) bool; at least one pixel wide.

    Args:
        bone: Any.
        pose: Of a person that was found.
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
    """Share of a line's pixels that are background; 1 for a line outside of the picture."""
    pixels = int(line.sum())
    return int((line & background).sum()) / pixels if pixels else 1.0


@dataclass
class BoneReport:
    """How well the bones of several photos agree with the photos' labels."""

    photos: int = 0
    without_bones: tuple[int, ...] = ()
    """Numbers of the photos in which no bone is used."""
    visible: int = 0
    """Bones whose joints are visible enough."""
    on_background: int = 0
    """Those of them that are not used because they cross the background."""
    pixels: int = 0
    """Pixels of visible bones."""
    background_pixels: int = 0
    """Those of them that are labelled background."""
    coverage: float = 0.0
    """Sum over photos of the share of pixels that are on used bones."""

    def text(self) -> str:
        """Lines for the terminal."""
        share = 100 * self.background_pixels / max(1, self.pixels)
        coverage = 100 * self.coverage / max(1, self.photos)
        numbers = f": {', '.join(map(str, self.without_bones))}" if self.without_bones else ""
        return (
            f"{self.visible} of {self.photos * len(BONES)} bones have a visibility of {VISIBILITY} "
            f"or more\n{share:.2f} % of their pixels are labelled background\n"
            f"{self.on_background} bones are not used: more than {LARGEST_BACKGROUND:.0%} of their "
            "pixels are background\n"
            f"{len(self.without_bones)} of {self.photos} photos have no bones{numbers}\n"
            f"{coverage:.2f} % of a photo's pixels are on bones\n"
        )


def check_bones(
    dataset: ClothingCoParsing, keypoints: CcpKeypoints, numbers: Iterable[int]
) -> BoneReport:
    """Compare bones with labels, at the photos' own resolution.

    Args:
        dataset: The photos.
        keypoints: Of their people.
        numbers: Of the photos to compare.
    """
    report = BoneReport()
    null = dataset.label_id("null")
    for number in tqdm(numbers, desc="comparing bones with labels", unit="photo"):
        background = dataset.read_labels(number) == null
        pose = keypoints.pose(number, (background.shape[0], background.shape[1]))
        lines = [bone_line(bone, pose, background.shape) for bone in visible_bones(pose)]
        shares = [background_share(line, background) for line in lines]
        used = bone_mask(pose, background)
        report.photos += 1
        report.visible += len(lines)
        report.on_background += sum(share > LARGEST_BACKGROUND for share in shares)
        report.pixels += sum(int(line.sum()) for line in lines)
        report.background_pixels += sum(int((line & background).sum()) for line in lines)
        report.coverage += float(used.mean())
        if not used.any():
            report.without_bones += (number,)
    return report
