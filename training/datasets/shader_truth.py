"""Body parameters of SHADER's subjects: `gt0000.pkl` in the folder of a sample.

Source: https://github.com/YCL92/SHADER, README of March 2021.

F frames of a subject, N its betas.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.body.predictor import MAX_BETAS
from model.errors import AssetError
from training.assets.unpickler import restricted_load
from training.datasets.shader import ShaderSubject

TRUTH_NAME = re.compile(r"gt(\d*)\.pkl", re.IGNORECASE)


@dataclass(frozen=True)
class ShaderTruth:
    """Body parameters of one person in every frame."""

    betas: np.ndarray
    """(N,) SMPL shape, the same in every frame; 1 to 300 numbers."""
    poses: np.ndarray
    """(F, 72) SMPL axis-angle, radians, the root first."""
    trans: np.ndarray
    """(F, 3) translation, metres."""
    joints2d: np.ndarray
    """(F, 24, 2) in pixels."""
    joints3d: np.ndarray
    """(F, 24, 3) in metres."""
    coco_keypoints: np.ndarray | None
    """(F, 17, 3) pixels x, y and visibility (1 seen, 0.5 hidden, 0 outside); SHADER has none."""


def truth_path(subject: ShaderSubject) -> Path | None:
    """The subject's `gt<sample>.pkl` or `gt.pkl`, in any case and with any padding; else None."""
    usual = (subject.folder / f"gt{subject.name}.pkl", subject.folder / "gt.pkl")
    for path in usual:
        if path.is_file():
            return path
    numbers = ("", subject.name.lstrip("0"))
    for path in sorted(subject.folder.iterdir()):
        match = TRUTH_NAME.fullmatch(path.name)
        if match and match.group(1).lstrip("0") in numbers:
            return path
    return None


def read_truth(subject: ShaderSubject) -> ShaderTruth:
    """Read body parameters with the restricted unpickler.

    Raises:
        FileNotFoundError: There is no ground truth.
        AssetError: The pickle is refused, is damaged, or lacks a field.
    """
    path = truth_path(subject)
    if path is None:
        raise FileNotFoundError(subject.folder / f"gt{subject.name}.pkl")
    content = restricted_load(path)
    if not isinstance(content, dict):
        raise AssetError(f"{path} holds a {type(content).__name__}; a dict is needed")
    fields = {str(key): value for key, value in content.items()}
    try:
        return ShaderTruth(
            betas=_one_shape(fields, "shape" if "shape" in fields else "betas"),
            poses=_numbers(fields, "poses", -1, 72),
            trans=_numbers(fields, "trans", -1, 3),
            joints2d=_numbers(fields, "joints2D", -1, 24, 2),
            joints3d=_numbers(fields, "joints3D", -1, 24, 3),
            coco_keypoints=(
                _numbers(fields, "coco_keypoints", -1, 17, 3)
                if "coco_keypoints" in fields
                else None
            ),
        )
    except ValueError as error:
        raise AssetError(f"{path}: {error}") from error


def _one_shape(fields: dict[str, Any], key: str) -> np.ndarray:
    """One row of betas; a row for each frame is allowed if all are the same."""
    betas = np.atleast_1d(np.squeeze(_numbers(fields, key)))
    if betas.ndim > 1 and betas.size:
        if (betas != betas[0]).any():
            raise ValueError(f"{key} differs between frames; a body has one shape")
        betas = betas[0]
    if betas.ndim != 1 or not 1 <= betas.size <= MAX_BETAS:
        raise ValueError(f"{key} has {betas.size} numbers; 1 to {MAX_BETAS} betas are needed")
    return betas


def _numbers(fields: dict[str, Any], key: str, *shape: int) -> np.ndarray:
    if key not in fields:
        raise ValueError(f"there is no {key!r}; found {', '.join(sorted(fields))}")
    try:
        array = np.asarray(fields[key], dtype=np.float64)
        array = array.reshape(shape) if shape else array
    except (TypeError, ValueError) as error:
        raise ValueError(f"{key!r} does not fit: {error}") from error
    if not np.isfinite(array).all():
        raise ValueError(f"{key!r} holds NaN or infinity; finite numbers are needed")
    return array
