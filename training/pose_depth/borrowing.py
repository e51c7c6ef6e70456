"""Poses of the library before cameras, with the errors of a pair.

A detector's errors depend most on the view: a pose is turned until the camera's azimuth is that of
the pair, give or take some degrees. They depend on the pose too, which is lost: such sequences
teach what poses look like, and pairs teach how the detector errs.

S sequences of T frames.
"""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from model.errors import InvalidInputError
from model.pose_depth.view import azimuth_deg, camera_in_torso
from training.pose_depth.augmentation import Frames
from training.pose_depth.pairs import PairSequence, hip_centred

AZIMUTH_DEG = 20.0
"""Spread of the difference of the azimuths."""
LOOKS_DOWN_DEG, ROLL_DEG = (12.0, 18.0, -35.0, 65.0), 8.0
"""Angle of the view below the horizon: mean, spread, least, greatest; spread of the tilt."""
_DOWN = np.array([1, -1, -1], np.float32)


class Library(NamedTuple):
    """Sequences of exact poses."""

    joints: np.ndarray
    """(S, T, 17, 3) float32, metres, Y up; the origin is the pelvis."""
    seconds: np.ndarray
    """(S, T) float32."""

    @classmethod
    def read(cls, path: Path) -> "Library":
        """Read a file.

        Raises:
            FileNotFoundError: There is none.
            InvalidInputError: It is damaged.
        """
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                library = cls(file["joints"], file["seconds"])
        except FileNotFoundError:
            raise
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise InvalidInputError(f"{path} cannot be read: {error}") from error
        shape = library.joints.shape
        if shape[2:] != (17, 3) or shape[:2] != library.seconds.shape or not shape[0]:
            raise InvalidInputError(f"{path} holds {shape}; (S, T, 17, 3) is needed")
        return library


def borrow_errors(rng: np.random.Generator, joints: np.ndarray, pairs: PairSequence) -> Frames:
    """A sequence as the detector might have found it.

    Args:
        rng: Decides the camera.
        joints: (T, 17, 3) exact, metres, Y up.
        pairs: At least T frames; the errors of the first T are taken.
    """
    num = len(joints)
    pairs = pairs.part(slice(0, num))
    camera = pairs.camera_relative
    mean, spread, least, greatest = LOOKS_DOWN_DEG
    down = np.clip(rng.normal(mean, spread), least, greatest)
    tilt = Rotation.from_euler("ZX", [rng.normal(0, ROLL_DEG), down], degrees=True)
    wanted = azimuth_of(pairs.ground_truth[:1], camera[:1]) + rng.normal(0, AZIMUTH_DEG)
    straight = _seen(joints[:1], tilt)
    turn = wanted - azimuth_of(straight, camera[:1])
    truth = _seen(joints, tilt * Rotation.from_euler("Y", turn, degrees=True))
    own = projected(pairs.ground_truth, camera)
    per_unit = (own * pairs.pose_2d).sum((1, 2)) / np.maximum(np.square(own).sum((1, 2)), 1e-9)
    beside = pairs.pose_2d / np.maximum(per_unit, 1e-6)[:, None, None] - own
    return Frames(
        truth + pairs.corrupted - pairs.ground_truth,
        truth,
        (projected(truth, camera) + beside).astype(np.float32),
        pairs.visibility,
        camera,
    )


def projected(poses: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    """Hip-centred tangents (T, 17, 2) of poses (T, 17, 3) before cameras (T, 3)."""
    seen = poses - cameras[:, None]
    return hip_centred(seen[..., :2] / np.maximum(seen[..., 2:], 0.3))


def azimuth_of(poses: np.ndarray, cameras: np.ndarray) -> float:
    """Of the first frame, degrees."""
    found = camera_in_torso(torch.from_numpy(poses[:1]), torch.from_numpy(cameras[:1]))
    return float(azimuth_deg(found)[0])


def _seen(joints: np.ndarray, turn: Rotation) -> np.ndarray:
    """Poses with Y up, turned, in the axes of pictures."""
    turned = joints @ turn.as_matrix().T
    return hip_centred((turned * _DOWN).astype(np.float32))
