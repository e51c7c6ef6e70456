"""Writes subjects in the SHADER layout, which `shader.py` reads.

F frames of a subject, H W a picture's size.
"""

import pickle
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.engine.atomic import writing

SUBJECTS_PER_BATCH = 50


@dataclass(frozen=True)
class ShaderFrame:
    """One frame to be written."""

    dressed: NDArray[np.uint8]
    """(H, W, 4) RGBA."""
    naked: NDArray[np.uint8]
    """(H, W, 4) RGBA."""
    pose: NDArray[np.float32]
    """(72,)"""
    trans: NDArray[np.float32]
    """(3,)"""
    joints2d: NDArray[np.float32]
    """(24, 2)"""
    joints3d: NDArray[np.float32]
    """(24, 3)"""
    coco_keypoints: NDArray[np.float32]
    """(17, 3) pixels x, y and visibility."""


def subject_folder(root: Path, female: bool, number: int) -> Path:
    """Where person `number` of a gender lies: fifty to a batch, batches from 1, people from 0."""
    batch, sample = divmod(number, SUBJECTS_PER_BATCH)
    return root / f"{'female' if female else 'male'}Batch{batch + 1:03d}" / f"{sample:04d}"


def write_subject(folder: Path, shape: NDArray[np.float32], frames: Sequence[ShaderFrame]) -> None:
    """Write pictures and ground truth; the folder appears when all of it is there.

    Args:
        folder: The subject's, from `subject_folder`; replaced where it exists.
        shape: (10,) betas.
        frames: In order.

    Raises:
        StorageError: The disk is full or read-only.
    """
    with writing(folder):
        _write_subject(folder, shape, frames)


def _write_subject(folder: Path, shape: NDArray[np.float32], frames: Sequence[ShaderFrame]) -> None:
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for kind in ("dressed", "naked"):
        (partial / kind).mkdir(parents=True)
    for number, frame in enumerate(frames):
        for kind, picture in (("dressed", frame.dressed), ("naked", frame.naked)):
            path = partial / kind / f"Image{number:04d}.png"
            Image.fromarray(picture).save(path, compress_level=1)
    truth = {
        "shape": shape.astype(np.float64),
        "poses": np.stack([frame.pose for frame in frames]).astype(np.float64),
        "trans": np.stack([frame.trans for frame in frames]).astype(np.float64),
        "joints2D": np.stack([frame.joints2d for frame in frames]).astype(np.float64),
        "joints3D": np.stack([frame.joints3d for frame in frames]).astype(np.float64),
        # Beyond SHADER's own keys.
        "coco_keypoints": np.stack([frame.coco_keypoints for frame in frames]).astype(np.float64),
    }
    with (partial / f"gt{folder.name}.pkl").open("wb") as file:
        pickle.dump(truth, file, protocol=2)
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)
