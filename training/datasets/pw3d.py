"""3D Poses in the Wild in its own layout: real people outdoors, with SMPL's joints.

    imageFiles/<sequence>/image_00000.jpg
    sequenceFiles/{train,validation,test}/<sequence>.pkl

Of a pickle, `jointPositions` (a (frames, 72) array for each person, world axes, metres),
`cam_poses` (frames, 4, 4) from the world to the camera, `cam_intrinsics` (3, 3) and `campose_valid`
(for each person, a flag for each frame) are read. Non-commercial use only.

Source: von Marcard et al., Recovering Accurate 3D Human Pose in The Wild, ECCV 2018.

F frames.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from model.errors import AssetError, InvalidInputError
from model.skeletons import SMPL_24_JOINT_NAMES
from training.assets.pickled_types import to_array
from training.assets.unpickler import restricted_load
from training.datasets.joint_photos import JointPhoto, JointPhotos

SPLITS = ("train", "validation", "test")
Pw3dSplit = Literal["train", "validation", "test"]
_KEYS = ("jointPositions", "cam_poses", "cam_intrinsics", "campose_valid")


def open_pw3d(root: Path, split: Pw3dSplit = "test") -> JointPhotos:
    """Every person in every frame whose camera is known.

    Raises:
        FileNotFoundError: There are no such folders.
        InvalidInputError: There is no sequence, or one is damaged.
    """
    folder = root / "sequenceFiles" / split
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    paths = sorted(folder.glob("*.pkl"))
    if not paths:
        raise InvalidInputError(f"{folder} holds no sequence (*.pkl)")
    photos = [photo for path in paths for photo in _sequence(root, path)]
    return JointPhotos("3dpw", photos)


def _sequence(root: Path, path: Path) -> list[JointPhoto]:
    try:
        content = restricted_load(path)
        if not isinstance(content, Mapping) or (missing := set(_KEYS) - content.keys()):
            lacks = ", ".join(sorted(missing)) if isinstance(content, Mapping) else "a dictionary"
            raise InvalidInputError(f"{path} is no sequence of 3DPW; it lacks {lacks}")
        return _people(root, path.stem, content)
    except AssetError as error:
        raise InvalidInputError(f"{path}: {error}") from error
    except (ValueError, TypeError, IndexError) as error:
        raise InvalidInputError(f"{path} is no sequence of 3DPW: {error}") from error


def _people(root: Path, name: str, content: Mapping[str, Any]) -> list[JointPhoto]:
    poses = to_array(content["cam_poses"], "cam_poses").astype(np.float64)
    intrinsics = to_array(content["cam_intrinsics"], "cam_intrinsics").astype(np.float64)
    found = []
    for person, positions in enumerate(content["jointPositions"]):
        joints = to_array(positions, "jointPositions").astype(np.float64)
        joints = joints.reshape(len(poses), len(SMPL_24_JOINT_NAMES), 3)
        valid = to_array(content["campose_valid"][person], "campose_valid").astype(bool)
        seen = in_camera(joints, poses)
        points, before = project(seen, intrinsics)
        for frame in np.flatnonzero(valid[: len(poses)]):
            known = np.column_stack([points[frame], before[frame]]).astype(np.float32)
            image = root / "imageFiles" / name / f"image_{frame:05d}.jpg"
            key, places = f"{name}/{frame:05d}/{person}", seen[frame].astype(np.float32)
            found.append(JointPhoto(image, known, name, key, places))
    return found


def in_camera(joints: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Joints (F, 24, 3) in the camera's axes: x right, y down, z forward.

    Args:
        joints: (F, 24, 3) in the world.
        poses: (F, 4, 4) from the world to the camera.
    """
    turned: np.ndarray = np.einsum("fij,fnj->fni", poses[:, :3, :3], joints)
    return turned + poses[:, None, :3, 3]


def project(seen: np.ndarray, intrinsics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of joints (F, 24, 2), and whether each lies before the camera (F, 24).

    Args:
        seen: (F, 24, 3) in the camera's axes.
        intrinsics: (3, 3).
    """
    before = seen[..., 2] > 1e-6
    depth = np.where(before, seen[..., 2], 1.0)[..., None]
    pixels = np.einsum("ij,fnj->fni", intrinsics, seen / depth)
    return np.where(before[..., None], pixels[..., :2], 0.0), before
