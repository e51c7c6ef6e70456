"""AIST++: dances before nine cameras, with joints triangulated from all of them.

    annotations/keypoints3d/gBR_sBM_cAll_d04_mBR0_ch01.pkl   `keypoints3d_optim` (F, 17, 3), cm
    annotations/cameras/mapping.txt                          lines: a sequence and its setting
    annotations/cameras/setting1.json                        nine cameras
    annotations/splits/pose_{train,val,test}.txt             sequences, by dancer
    annotations/ignore_list.txt                              sequences with wrong annotations
    videos/gBR_sBM_c01_d04_mBR0_ch01.mp4                     60 frames a second

Keypoints are those of COCO, in the axes of the room. A camera has `name`, `rotation` (an
axis-angle) and `translation` (cm): x_camera = R x + t, y down, z forward. Only sequences whose
videos are there are read. Source: Li et al., AI Choreographer, ICCV 2021; the package
aistplusplus_api (Apache-2.0). The annotations are CC BY 4.0; videos have terms of their own.

F frames.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from model.errors import AssetError, InvalidInputError
from training.assets.pickled_types import to_array
from training.assets.unpickler import restricted_load
from training.datasets.splits import Split

FRAME_RATE = 60.0
CM = 0.01
_ALL_CAMERAS = "_cAll_"
SPLITS: Mapping[Split, str] = {
    "training": "pose_train",
    "validation": "pose_val",
    "test": "pose_test",
}


@dataclass(frozen=True)
class AistCamera:
    """One camera of a setting."""

    name: str
    """c01 to c09."""
    rotation: np.ndarray
    """(3, 3) from the room to the camera: x right, y down, z forward."""
    translation: np.ndarray
    """(3,) metres."""

    def seen(self, joints: np.ndarray) -> np.ndarray:
        """Joints (F, 17, 3) of the room in the camera's axes, metres."""
        turned: np.ndarray = joints @ self.rotation.T + self.translation
        return turned


@dataclass(frozen=True)
class AistVideo:
    """One dance before one camera."""

    sequence: str
    """With `cAll` in the place of the camera."""
    camera: AistCamera
    video: Path
    split: Split

    @property
    def name(self) -> str:
        """Of the video, without ending."""
        return self.video.stem


@dataclass(frozen=True)
class AistDances:
    """The folder."""

    root: Path
    videos: tuple[AistVideo, ...]
    """Those that are there, in the order of their names."""

    @classmethod
    def open(cls, root: Path) -> "AistDances":
        """Read splits and cameras; find videos.

        Raises:
            FileNotFoundError: There is no such folder, or a file of the annotations is missing.
            InvalidInputError: A file is damaged, or there is no video of any sequence.
        """
        annotations = root / "annotations"
        if not annotations.is_dir():
            raise FileNotFoundError(annotations)
        settings = _settings(annotations / "cameras" / "mapping.txt")
        ignored = annotations / "ignore_list.txt"
        left_out = set(_lines(ignored)) if ignored.exists() else set()
        cameras: dict[str, list[AistCamera]] = {}
        found = []
        for split, stem in SPLITS.items():
            for sequence in _lines(annotations / "splits" / f"{stem}.txt"):
                if sequence in left_out:
                    continue
                if sequence not in settings:
                    raise InvalidInputError(f"{sequence} has no cameras in mapping.txt")
                setting = settings[sequence]
                if setting not in cameras:
                    cameras[setting] = _cameras(annotations / "cameras" / f"{setting}.json")
                for camera in cameras[setting]:
                    name = sequence.replace(_ALL_CAMERAS, f"_{camera.name}_")
                    video = root / "videos" / f"{name}.mp4"
                    if video.exists():
                        found.append(AistVideo(sequence, camera, video, split))
        if not found:
            raise InvalidInputError(f"{root / 'videos'} has no video of any annotated sequence")
        return cls(root, tuple(sorted(found, key=lambda one: one.name)))

    def joints(self, sequence: str) -> np.ndarray:
        """(F, 17, 3) in the axes of the room, metres; NaN where a joint is not known.

        Raises:
            FileNotFoundError: There is no such sequence.
            InvalidInputError: Its file is damaged.
        """
        path = self.root / "annotations" / "keypoints3d" / f"{sequence}.pkl"
        try:
            content = restricted_load(path)
            if not isinstance(content, dict) or "keypoints3d_optim" not in content:
                raise InvalidInputError(f"{path} has no keypoints3d_optim")
            joints = to_array(content["keypoints3d_optim"], path.name).astype(np.float64)
        except AssetError as error:
            raise InvalidInputError(f"{path} cannot be read: {error}") from error
        if joints.ndim != 3 or joints.shape[1:] != (17, 3):
            raise InvalidInputError(f"{path} holds {joints.shape}; (F, 17, 3) is needed")
        metres: np.ndarray = joints * CM
        return metres


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def _settings(path: Path) -> dict[str, str]:
    """Names of settings by sequence."""
    rows = [line.split() for line in _lines(path)]
    if any(len(row) != 2 for row in rows):
        raise InvalidInputError(f"{path}: each line needs a sequence and its setting")
    return {row[0]: row[1] for row in rows}


def _cameras(path: Path) -> list[AistCamera]:
    try:
        content: Any = json.loads(path.read_text())
        return [
            AistCamera(
                str(one["name"]),
                Rotation.from_rotvec(np.asarray(one["rotation"], np.float64)).as_matrix(),
                np.asarray(one["translation"], np.float64).reshape(3) * CM,
            )
            for one in content
        ]
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{path} holds no cameras: {error}") from error
