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

from training.datasets.shader import KINDS, USUAL_NAME
from training.engine.atomic import writing

SUBJECTS_PER_BATCH = 50


@dataclass(frozen=True)
class ShaderFrame:
    """One frame to write."""

    dressed: NDArray[np.uint8]
    """(H, W, 4) RGBA."""
    naked: NDArray[np.uint8]
    """(H, W, 4) RGBA."""
    poses: NDArray[np.float32]
    """(72,) SMPL axis-angle, radians, the root first."""
    trans: NDArray[np.float32]
    """(3,) metres."""
    joints2d: NDArray[np.float32]
    """(24, 2) pixels."""
    joints3d: NDArray[np.float32]
    """(24, 3) metres."""
    coco_keypoints: NDArray[np.float32]
    """(17, 3) pixels x, y and visibility; not among SHADER's own keys."""


def subject_folder(root: Path, female: bool, number: int) -> Path:
    """The folder of person `number` of a gender: fifty people a batch, batches numbered from 1."""
    batch, sample = divmod(number, SUBJECTS_PER_BATCH)
    return root / f"{'female' if female else 'male'}Batch{batch + 1:03d}" / f"{sample:04d}"


def write_subject(folder: Path, shape: NDArray[np.float32], frames: Sequence[ShaderFrame]) -> None:
    """Write pictures and ground truth; the folder appears when it is complete.

    Args:
        folder: The subject's, from `subject_folder`; an existing one is replaced.
        shape: (10,) betas.
        frames: In order.

    Raises:
        StorageError: The disk is full or read-only.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    truth = {"shape": shape.astype(np.float64)} | {
        key: np.stack([getattr(frame, key.lower()) for frame in frames]).astype(np.float64)
        for key in ("poses", "trans", "joints2D", "joints3D", "coco_keypoints")
    }
    with writing(folder):
        shutil.rmtree(partial, ignore_errors=True)
        for kind in KINDS:
            (partial / kind).mkdir(parents=True)
            for number, frame in enumerate(frames):
                picture = Image.fromarray(getattr(frame, kind))
                picture.save(partial / kind / USUAL_NAME.format(number), compress_level=1)
        with (partial / f"gt{folder.name}.pkl").open("wb") as file:
            pickle.dump(truth, file, protocol=2)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
