"""Poses as they come in, as networks read them, and mirrored.

N frames, K keypoints: COCO's 17 or MediaPipe's 33. B sequences of T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from model.errors import InvalidInputError
from model.pose_depth.network import Poses
from model.pose_depth.skeleton import HIPS
from model.skeletons import COCO_17_MIRRORED, MEDIAPIPE_33_NAMES, MEDIAPIPE_OF_COCO

APART_S = 1e3
"""Time between frames that have nothing to do with each other."""
GREATEST = 1e4
"""Of coordinates, in metres or pixels after the hips are the origin: far beyond any person's."""


@dataclass(frozen=True)
class ObservedPoses:
    """What a detector found, as COCO's keypoints."""

    joints: Float32[np.ndarray, "N 17 3"]
    """Metres, in the camera's axes: x right, y down, z away; hip-centred."""
    keypoints: Float32[np.ndarray, "N 17 2"]
    """In the picture, x right and y down, any unit, hip-centred."""
    visibility: Float32[np.ndarray, "N 17"]
    """In [0, 1]."""
    seconds: Float64[np.ndarray, "N"] | None = None  # noqa: F821
    """Time of each frame of a sequence, ascending; None for poses that are no sequence."""

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.joints)


def observed(
    poses: np.ndarray,
    keypoints: np.ndarray,
    visibility: np.ndarray | None = None,
    seconds: np.ndarray | None = None,
) -> ObservedPoses:
    """Check poses of a detector, and bring them to COCO's keypoints.

    Args:
        poses: (N, 17, 3) of COCO or (N, 33, 3) of MediaPipe, metres, in the camera's axes; any
            origin.
        keypoints: (N, K, 2) in the picture, both coordinates in the same unit, x right, y down.
        visibility: (N, K) in [0, 1]; all are visible without one.
        seconds: (N,) time of each frame of a sequence.

    Raises:
        InvalidInputError: The arrays do not fit each other, or a number is not usable.
    """
    num, count = poses.shape[0], poses.shape[1] if poses.ndim == 3 else 0
    if poses.ndim != 3 or count not in (17, 33) or poses.shape[2] != 3 or num < 1:
        raise InvalidInputError(
            f"poses have the shape {poses.shape}; (N, 17, 3) of COCO or (N, 33, 3) of MediaPipe is "
            "needed, with at least one frame"
        )
    if visibility is None:
        visibility = np.ones((num, count), np.float32)
    wanted = {"keypoints": (num, count, 2), "visibility": (num, count)}
    for name, array in (("keypoints", keypoints), ("visibility", visibility)):
        if array.shape != wanted[name]:
            raise InvalidInputError(
                f"{name} have the shape {array.shape}; {wanted[name]} is needed"
            )
    # Written so that NaN fails too.
    if not ((visibility >= 0) & (visibility <= 1)).all():
        raise InvalidInputError("visibility must be in [0, 1]")
    if seconds is not None and (seconds.shape != (num,) or not (np.diff(seconds) > 0).all()):
        raise InvalidInputError(f"seconds must be {num} ascending times")
    chosen = list(MEDIAPIPE_OF_COCO) if count == len(MEDIAPIPE_33_NAMES) else slice(None)
    with np.errstate(invalid="ignore"):  # of infinities; they are refused below
        joints, points = (
            array[:, chosen] - array[:, chosen][:, list(HIPS)].mean(1, keepdims=True)
            for array in (poses.astype(np.float64), keypoints.astype(np.float64))
        )
    for name, array in (("poses", joints), ("keypoints", points)):
        if not (np.abs(array) <= GREATEST).all():
            raise InvalidInputError(f"{name} are not finite, or beyond {GREATEST:g} from the hips")
    return ObservedPoses(
        joints.astype(np.float32),
        points.astype(np.float32),
        visibility[:, chosen].astype(np.float32),
        None if seconds is None else seconds.astype(np.float64),
    )


def normalised_keypoints(keypoints: Float[Tensor, "*B 17 2"]) -> Float[Tensor, "*B 17 2"]:
    """Keypoints around the hips, divided by their root mean square distance from there.

    The picture's size and unit, and how large the person is in it, have no influence.
    """
    centred = keypoints - keypoints[..., list(HIPS), :].mean(-2, keepdim=True)
    radius = centred.square().sum(-1, keepdim=True).mean(-2, keepdim=True).sqrt()
    return centred / radius.clamp(min=1e-6)


def batched(sequences: Sequence[ObservedPoses]) -> Poses:
    """Sequences as one batch, the shorter ones filled up with frames that are not there.

    Frames of poses that are no sequence are so far apart that they know nothing of each other.
    """
    length = max(map(len, sequences))

    def filled(name: str) -> Tensor:
        rows = []
        for one in sequences:
            array = getattr(one, name)
            widths = [(0, length - len(one)), *[(0, 0)] * (array.ndim - 1)]
            rows.append(np.pad(array, widths))
        return torch.from_numpy(np.stack(rows))

    times = np.zeros((len(sequences), length), np.float32)
    present = np.zeros((len(sequences), length), bool)
    for row, one in enumerate(sequences):
        own = APART_S * np.arange(len(one)) if one.seconds is None else one.seconds - one.seconds[0]
        times[row, : len(one)] = own
        present[row, : len(one)] = True
    return Poses(
        filled("joints"),
        normalised_keypoints(filled("keypoints")),
        filled("visibility"),
        torch.from_numpy(times),
        torch.from_numpy(present),
    )


def mirrored(poses: Poses) -> Poses:
    """The same people in a mirror: x changes its sign, left and right change places."""
    order = list(COCO_17_MIRRORED)
    return poses._replace(
        joints=mirrored_points(poses.joints),
        keypoints=mirrored_points(poses.keypoints),
        visibility=poses.visibility[..., order],
    )


def mirrored_points(points: Float[Tensor, "*B 17 D"]) -> Float[Tensor, "*B 17 D"]:
    """Keypoints, or offsets of them, in a mirror."""
    flipped = points[..., list(COCO_17_MIRRORED), :].clone()
    flipped[..., 0] *= -1
    return flipped
