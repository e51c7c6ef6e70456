"""Other views and bodies from a sequence of pairs: everything that belongs together moves together.

Axes: x right, y down, z away from the camera. T frames.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from model.skeletons import COCO_17_MIRRORED
from training.pose_depth.pairs import PairSequence

_MIRRORED = list(COCO_17_MIRRORED)
_MIRROR = np.array([-1, 1, 1], np.float32)


class Frames(NamedTuple):
    """What a sequence of pairs says, float32; hip-centred."""

    joints: np.ndarray
    """(T, 17, 3) as they were found, metres."""
    truth: np.ndarray
    """(T, 17, 3) metres."""
    keypoints: np.ndarray
    """(T, 17, 2) in the picture."""
    visibility: np.ndarray
    """(T, 17)"""
    camera: np.ndarray
    """(T, 3) from the hips, metres."""

    @classmethod
    def of(cls, pairs: PairSequence) -> "Frames":
        """Of a file."""
        return cls(
            pairs.corrupted,
            pairs.ground_truth,
            pairs.pose_2d,
            pairs.visibility,
            pairs.camera_relative,
        )


@dataclass(frozen=True)
class Augmentation:
    """How often and how far pairs are changed."""

    mirror: float = 0.5
    """Share of sequences that are seen in a mirror."""
    roll_deg: float = 20.0
    """Greatest turn of the camera about its own axis."""
    turn_probability: float = 0.5
    turn_rad: float = 0.3
    """Greatest turn of the person about the upright axis, for that share of sequences."""
    anywhere: float = 0.0
    """Share of sequences of a person who turns to any side; what the detector found is then as far
    from the truth as it was before, in the camera's axes."""
    scale: float = 0.1
    """Greatest change of the person's size, relative."""
    unseen: float = 0.1
    """Share of sequences without visibility: all of it is 1."""
    alone: float = 0.4
    """Share of sequences whose frames know nothing of each other."""
    mistaken: float = 0.3
    """Share of the others in one frame of which somebody else was found."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A share is not in [0, 1], or an amount negative.
        """
        for name in ("mirror", "turn_probability", "anywhere", "unseen", "alone", "mistaken"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 to 1 is possible")
        for name in ("roll_deg", "turn_rad", "scale"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")

    def apply(self, rng: np.random.Generator, frames: Frames) -> Frames:
        """A changed sequence; the same change for all of its frames."""
        if rng.random() < self.mirror:
            frames = mirror(frames)
        if rng.random() < self.turn_probability:
            frames = turn(frames, rng.uniform(-self.turn_rad, self.turn_rad))
        if rng.random() < self.anywhere:
            frames = turn_beneath(frames, rng.uniform(-np.pi, np.pi))
        frames = roll(frames, np.deg2rad(rng.uniform(-self.roll_deg, self.roll_deg)))
        frames = scale(frames, rng.uniform(1 - self.scale, 1 + self.scale))
        if rng.random() < self.unseen:
            frames = frames._replace(visibility=np.ones_like(frames.visibility))
        return frames


def mistake(frames: Frames, other: Frames, place: int) -> Frames:
    """In one frame the detector found somebody else; the truth stays.

    Args:
        frames: A sequence.
        other: Whose first frame was found.
        place: Of the frame.
    """
    found = {}
    for name in ("joints", "keypoints", "visibility"):
        found[name] = getattr(frames, name).copy()
        found[name][place] = getattr(other, name)[0]
    return frames._replace(**found)


def mirror(frames: Frames) -> Frames:
    """Left and right change places, x changes its sign."""
    return Frames(
        frames.joints[:, _MIRRORED] * _MIRROR,
        frames.truth[:, _MIRRORED] * _MIRROR,
        frames.keypoints[:, _MIRRORED] * _MIRROR[:2],
        frames.visibility[:, _MIRRORED],
        frames.camera * _MIRROR,
    )


def roll(frames: Frames, angle: float) -> Frames:
    """The camera turns about its own axis: the picture turns by an angle in radians."""
    matrix = Rotation.from_euler("z", angle).as_matrix().astype(np.float32)
    return frames._replace(
        joints=frames.joints @ matrix.T,
        truth=frames.truth @ matrix.T,
        keypoints=frames.keypoints @ matrix[:2, :2].T,
        camera=frames.camera @ matrix.T,
    )


def turn(frames: Frames, angle: float) -> Frames:
    """The person turns about the upright axis before a still camera, by an angle in radians.

    Keypoints in the picture move as the joints that were found do, at the scale at which these lie
    on each other; the perspective of single joints is left as it was.
    """
    matrix = Rotation.from_euler("y", angle).as_matrix().astype(np.float32)
    joints = frames.joints @ matrix.T
    flat = frames.joints[..., :2]
    per_metre = (flat * frames.keypoints).sum((1, 2)) / np.maximum(
        np.square(flat).sum((1, 2)), 1e-9
    )
    moved = (joints - frames.joints)[..., :2] * per_metre[:, None, None]
    return frames._replace(
        joints=joints,
        truth=frames.truth @ matrix.T,
        keypoints=(frames.keypoints + moved).astype(np.float32),
    )


def turn_beneath(frames: Frames, angle: float) -> Frames:
    """The true person turns about the upright axis; errors stay what they are.

    A detector's errors depend on the view, so that those of another view are not quite right: such
    sequences teach what poses are possible.

    Args:
        frames: Before.
        angle: In radians; any.
    """
    matrix = Rotation.from_euler("y", angle).as_matrix().astype(np.float32)
    truth = frames.truth @ matrix.T
    moved = truth - frames.truth
    flat = frames.truth[..., :2]
    per_metre = (flat * frames.keypoints).sum((1, 2)) / np.maximum(
        np.square(flat).sum((1, 2)), 1e-9
    )
    return frames._replace(
        joints=frames.joints + moved,
        truth=truth,
        keypoints=(frames.keypoints + moved[..., :2] * per_metre[:, None, None]).astype(np.float32),
    )


def scale(frames: Frames, factor: float) -> Frames:
    """A larger person before a camera that is as much further away: the picture is the same."""
    size = np.float32(factor)
    return frames._replace(
        joints=frames.joints * size, truth=frames.truth * size, camera=frames.camera * size
    )
