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
    """The subject's `gt<sample>.pkl`, or `gt.pkl`; None where there is neither.

    The case and the padding of the name do not matter.
    """
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
    """Body parameters, through the restricted unpickler.

    Raises:
        FileNotFoundError: There is no ground truth.
        AssetError: The pickle is hostile or damaged, or lacks something.
    """
    path = truth_path(subject)
    if path is None:
        raise FileNotFoundError(subject.folder / f"gt{subject.name}.pkl")
    content = restricted_load(path)
    if not isinstance(content, dict):
        raise AssetError(f"{path} holds a {type(content).__name__}; a dict is needed")
    fields = {str(key): value for key, value in content.items()}
    return ShaderTruth(
        betas=_betas(path, fields, "shape" if "shape" in fields else "betas"),
        poses=_array(path, fields, "poses", (-1, 72)),
        trans=_array(path, fields, "trans", (-1, 3)),
        joints2d=_array(path, fields, "joints2D", (-1, 24, 2)),
        joints3d=_array(path, fields, "joints3D", (-1, 24, 3)),
        coco_keypoints=(
            _array(path, fields, "coco_keypoints", (-1, 17, 3))
            if "coco_keypoints" in fields
            else None
        ),
    )


def _betas(path: Path, fields: dict[str, Any], key: str) -> np.ndarray:
    """One row; where there is a row for each frame, all must be the same."""
    rows = np.atleast_1d(np.squeeze(_numbers(path, fields, key)))
    if rows.ndim > 1 and rows.size:
        if not (rows == rows[0]).all():
            raise AssetError(f"{path}: {key} differs between frames; a body has one shape")
        rows = np.atleast_1d(np.squeeze(rows[0]))
    if rows.ndim != 1 or not 1 <= rows.size <= MAX_BETAS:
        raise AssetError(
            f"{path}: {key} has {rows.size} numbers; 1 to {MAX_BETAS} betas are needed"
        )
    return rows


def _array(path: Path, fields: dict[str, Any], key: str, shape: tuple[int, ...]) -> np.ndarray:
    numbers = _numbers(path, fields, key)
    try:
        return numbers.reshape(shape)
    except ValueError as error:
        raise AssetError(f"{path}: {key!r} does not fit (frames, {shape[1:]}): {error}") from error


def _numbers(path: Path, fields: dict[str, Any], key: str) -> np.ndarray:
    if key not in fields:
        raise AssetError(f"{path} has no {key!r}; found {', '.join(sorted(fields))}")
    try:
        array = np.asarray(fields[key], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AssetError(f"{path}: {key!r} does not fit: {error}") from error
    if not np.isfinite(array).all():
        raise AssetError(f"{path}: {key!r} holds NaN or infinity; finite numbers are needed")
    return array
