"""What is known of a rendered person in one picture.

The camera's frame is SMPL's: X to the right, Y up, looking along -Z, metres.

J joints, K keypoints, N betas.
"""

from dataclasses import dataclass

import numpy as np

from model.errors import AssetError
from training.datasets.shader_truth import ShaderTruth

MOST_RESIDUAL_PX = 1.0
"""Further from its joint's projection no joint may be marked."""


@dataclass(frozen=True)
class PersonTruth:
    """One person before one camera, whose centre is the picture's."""

    betas: np.ndarray
    """(N,) float32."""
    pose: np.ndarray
    """(24, 3) float32 axis-angle in radians, the root first."""
    transl: np.ndarray
    """(3,) float32, in metres."""
    joints: np.ndarray
    """(24, 3) float32, in metres."""
    focal: float
    """In pixels."""
    keypoints: np.ndarray
    """(17, 3) float32: COCO's, in pixels, with visibility: 1 seen, 0.5 hidden, 0 outside."""


def truth_of(truth: ShaderTruth, frame: int, size: tuple[int, int]) -> PersonTruth:
    """One frame of a subject.

    Args:
        truth: Of the subject.
        frame: Its number.
        size: (height, width) of the picture.

    Raises:
        AssetError: There is no such frame, it has no keypoints of COCO, or no camera whose centre
            is the picture's shows its joints where they are marked.
    """
    if frame >= len(truth.poses):
        raise AssetError(f"the ground truth has {len(truth.poses)} frames and no frame {frame}")
    if truth.coco_keypoints is None:
        raise AssetError(
            "the ground truth has no COCO keypoints; those of `python -m training data synth` do"
        )
    return PersonTruth(
        betas=truth.betas.astype(np.float32),
        pose=truth.poses[frame].reshape(24, 3).astype(np.float32),
        transl=truth.trans[frame].astype(np.float32),
        joints=truth.joints3d[frame].astype(np.float32),
        focal=focal_px(truth.joints3d[frame], truth.joints2d[frame], size),
        keypoints=truth.coco_keypoints[frame].astype(np.float32),
    )


def focal_px(joints: np.ndarray, points: np.ndarray, size: tuple[int, int]) -> float:
    """The focal length of the camera that saw the joints, by least squares.

    Args:
        joints: (J, 3) in metres.
        points: (J, 2) in pixels.
        size: (height, width) of the picture, in whose middle the camera's centre is.

    Raises:
        AssetError: No focal length explains the points to a pixel.
    """
    directions = np.stack([joints[:, 0], -joints[:, 1]], 1) / -joints[:, 2:]
    offsets = points - np.array([size[1] / 2, size[0] / 2])
    focal = float((directions * offsets).sum() / np.square(directions).sum())
    residual = float(np.abs(directions * focal - offsets).max())
    # Written so that NaN fails too.
    if not (focal > 0 and residual <= MOST_RESIDUAL_PX):
        raise AssetError(
            f"joints are up to {residual:.1f} pixels from where a camera at the picture's centre "
            f"would show them; {MOST_RESIDUAL_PX:g} are allowed"
        )
    return focal


def looseness(dressed: np.ndarray, naked: np.ndarray) -> float:
    """(dressed area - naked area) / naked area; NaN without a body in the picture.

    Args:
        dressed: (H, W) bool.
        naked: (H, W) bool.
    """
    body = int(naked.sum())
    return (int(dressed.sum()) - body) / body if body else float("nan")
