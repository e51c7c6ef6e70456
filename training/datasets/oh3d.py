"""3DOH50K in its own layout: people behind objects, with SMPL's joints.

    images/00000.jpg
    annots.json    {"00000": {"smpl_joints_2d": 24 x [x, y], "img_path": "images/00000.jpg", ...}}

Where an entry has no `img_path`, the photo is `images/<its name>.jpg`. Non-commercial use only.

Source: Zhang, Huang, Wang, Object-Occluded Human Shape and Pose Estimation From a Single Color
Image, CVPR 2020.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import InvalidInputError
from model.skeletons import SMPL_24_JOINT_NAMES
from training.datasets.joint_photos import JointPhoto, JointPhotos


def open_oh3d(root: Path) -> JointPhotos:
    """Every annotated photo, in the order of the names. Each is a sequence by itself.

    Raises:
        FileNotFoundError: There is no annots.json.
        InvalidInputError: It is damaged or empty.
    """
    path = root / "annots.json"
    try:
        entries = json.loads(path.read_text())
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} is not JSON: {error}") from error
    if not isinstance(entries, dict) or not entries:
        raise InvalidInputError(f"{path} holds no annotated photo")
    return JointPhotos(
        "3doh", [_photo(root, path, name, entries[name]) for name in sorted(entries)]
    )


def _photo(root: Path, path: Path, name: str, entry: Any) -> JointPhoto:
    try:
        points = np.asarray(entry["smpl_joints_2d"], np.float32)
        image = str(entry.get("img_path") or f"images/{name}.jpg")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInputError(f"{path}: {name} has no smpl_joints_2d: {error}") from error
    number = len(SMPL_24_JOINT_NAMES)
    # A list of people with one person, or the person's joints at once.
    points = points[0] if points.ndim == 3 and len(points) == 1 else points
    if points.shape not in ((number, 2), (number, 3)):
        raise InvalidInputError(
            f"{path}: smpl_joints_2d of {name} is {points.shape}; ({number}, 2) is needed"
        )
    if Path(image).is_absolute() or ".." in Path(image).parts:
        raise InvalidInputError(f"{path}: {name} names a photo outside of the folder: {image}")
    known = np.isfinite(points[:, :2]).all(1)
    columns = np.column_stack([np.nan_to_num(points[:, :2]), known]).astype(np.float32)
    return JointPhoto(root / image, columns, name, name)
