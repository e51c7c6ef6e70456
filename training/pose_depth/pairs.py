"""Pairs of poses, as a detector found them and as they are, on disk.

A file holds frames of one sequence from one camera, each array with an axis of frames in front; a
file of the reference system holds one frame without that axis. Files have the axes x right, y up,
z towards the camera. Poses here have those of pictures: x right, y down, z away from the camera.

    corrupted        (N, 17, 3)  MediaPipe's world landmarks of COCO's keypoints: metres, from hips
    ground_truth     (N, 17, 3)  where they are, likewise
    visibility       (N, 17)     MediaPipe's
    pose_2d          (N, 17, 2)  in the picture, over its longer side, hip-centred, y down
    azimuth          (N)         of the camera, degrees in the torso's frame (`model...view`)
    elevation        (N)
    camera_relative  (N, 3)      from the middle of the true hips to the camera, metres
    sequence, frame_idx          the clip's name, (N) numbers of the frames in it
    seconds          (N)         time of each frame; files of the reference lack it
    axes             "camera"    files of the reference lack it: their truth has a room's axes

N frames.
"""

import zipfile
import zlib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch

from model.errors import InvalidInputError
from model.pose_depth.skeleton import HIPS
from model.pose_depth.view import azimuth_deg, camera_in_torso, elevation_deg
from training.engine.atomic import replacing

FLIPPED = np.array([1, -1, -1], np.float32)
"""From the axes of pictures to those of files, and back."""
_ARRAYS = {"corrupted": (17, 3), "ground_truth": (17, 3), "visibility": (17,), "pose_2d": (17, 2)}
_REFERENCE_FRAMES_PER_SECOND = 30.0


@dataclass(frozen=True)
class PairSequence:
    """Frames of one clip from one camera, in the axes of pictures, float32."""

    sequence: str
    corrupted: np.ndarray
    """(N, 17, 3) metres, hip-centred."""
    ground_truth: np.ndarray
    """(N, 17, 3) metres, hip-centred."""
    visibility: np.ndarray
    """(N, 17) in [0, 1]."""
    pose_2d: np.ndarray
    """(N, 17, 2) over the picture's longer side, hip-centred, x right and y down."""
    camera_relative: np.ndarray
    """(N, 3) from the middle of the hips to the camera, metres."""
    frame_idx: np.ndarray
    """(N,) int64, ascending."""
    seconds: np.ndarray
    """(N,)"""

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.corrupted)

    def directions(self) -> np.ndarray:
        """(N, 3) unit: to the camera, in the frame of the true torso."""
        found = camera_in_torso(
            torch.from_numpy(self.ground_truth), torch.from_numpy(self.camera_relative)
        )
        directions: np.ndarray = found.numpy()
        return directions

    def part(self, frames: slice) -> "PairSequence":
        """Some of the frames."""
        kept = {f.name: getattr(self, f.name)[frames] for f in fields(self)[1:]}
        return PairSequence(self.sequence, **kept)


def hip_centred(poses: np.ndarray) -> np.ndarray:
    """Poses (..., 17, D) with the middle of the hips at the origin."""
    centred: np.ndarray = poses - poses[..., list(HIPS), :].mean(-2, keepdims=True)
    return centred


def write_pairs(path: Path, pairs: PairSequence) -> None:
    """Write a file atomically.

    Raises:
        StorageError: The disk is full or read-only.
    """
    directions = torch.from_numpy(pairs.directions())
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            corrupted=pairs.corrupted * FLIPPED,
            ground_truth=pairs.ground_truth * FLIPPED,
            visibility=pairs.visibility,
            pose_2d=pairs.pose_2d,
            azimuth=azimuth_deg(directions).numpy(),
            elevation=elevation_deg(directions).numpy(),
            camera_relative=pairs.camera_relative * FLIPPED,
            sequence=np.array(pairs.sequence),
            frame_idx=pairs.frame_idx,
            seconds=pairs.seconds,
            axes=np.array("camera"),
        )


def read_pairs(path: Path) -> PairSequence:
    """Read a file of ours or of the reference system.

    The truth of the reference is turned from the axes of its room into those of a camera that looks
    at the pelvis and stands upright.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It cannot be read, lacks an array, or one has a wrong shape or is not
            finite.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    arrays = {name: _array(path, content, name, shape) for name, shape in _ARRAYS.items()}
    cameras = _array(path, content, "camera_relative", (3,))
    numbers = np.atleast_1d(content.get("frame_idx", np.arange(len(cameras)))).astype(np.int64)
    seconds = content.get("seconds", numbers / _REFERENCE_FRAMES_PER_SECOND)
    lengths = {len(array) for array in (*arrays.values(), cameras, numbers, seconds)}
    if len(lengths) != 1:
        raise InvalidInputError(f"{path}: the arrays have {sorted(lengths)} frames; one number is")
    truth = arrays["ground_truth"]
    if "axes" not in content and len(truth):
        turn = _look_at(cameras)
        truth = np.einsum("nij,nkj->nki", turn, truth)
        cameras = np.einsum("nij,nj->ni", turn, cameras)
    return PairSequence(
        str(content.get("sequence", path.stem)),
        hip_centred(arrays["corrupted"] * FLIPPED),
        hip_centred((truth * FLIPPED).astype(np.float32)),
        arrays["visibility"].clip(0, 1),
        hip_centred(arrays["pose_2d"]),
        (cameras * FLIPPED).astype(np.float32),
        numbers,
        np.asarray(seconds, np.float64),
    )


def _array(
    path: Path, content: dict[str, np.ndarray], name: str, shape: tuple[int, ...]
) -> np.ndarray:
    """One array as float32 with an axis of frames."""
    if name not in content:
        raise InvalidInputError(f"{path} lacks {name}")
    array = content[name]
    if array.dtype.kind not in "fiu":
        raise InvalidInputError(f"{path}: {name} holds {array.dtype}; numbers are needed")
    if array.shape == shape:
        array = array[None]
    if array.shape[1:] != shape:
        raise InvalidInputError(f"{path}: {name} has the shape {array.shape}; {shape} is needed")
    if not np.isfinite(array).all():
        raise InvalidInputError(f"{path}: {name} is not finite")
    return array.astype(np.float32)


def _look_at(cameras: np.ndarray) -> np.ndarray:
    """Rotations (N, 3, 3) from a room with y up to x right, y up, z towards the camera.

    Args:
        cameras: (N, 3) from the pelvis to the camera.
    """
    back = cameras / np.maximum(np.linalg.norm(cameras, axis=-1, keepdims=True), 1e-9)
    right = np.cross([0.0, 1.0, 0.0], back)
    right /= np.maximum(np.linalg.norm(right, axis=-1, keepdims=True), 1e-9)
    return np.stack([right, np.cross(back, right), back], axis=1)
