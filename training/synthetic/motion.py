"""Poses from motion capture: clips of a folder, brought to SMPL's joints by `retarget`."""

import hashlib
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from model.errors import InvalidInputError
from model.skeletons import SMPL_24_JOINT_NAMES
from training.datasets.bvh import read_bvh
from training.synthetic.bodies import Floats
from training.synthetic.capsules import Capsules
from training.synthetic.poses import Pose
from training.synthetic.retarget import retarget

HELD_OUT_SUBJECTS = ("09", "12", "14")
"""Subjects of the CMU database (the part of a file's name before `_`) that are never drawn."""
EVERY = 6
"""One frame in so many is kept: five a second at 30 frames a second."""
TRIES = 6
"""Frames that are drawn before the least bad one is taken."""
SPREADING_DEG = (0.0, 7.0, 14.0, 22.0)
"""How far arms are lifted aside where a body is too wide for the pose that was recorded."""
_LEVEL, _UPRIGHT = 0.6, 0.75
"""How far down a sitter's thighs point at most, and their shins at least: cosines."""
_INDEX = {name: index for index, name in enumerate(SMPL_24_JOINT_NAMES)}
_DOWN = np.array([0, -1.0, 0])


class MotionPoses:
    """Draws poses from the clips of a folder."""

    def __init__(self, folder: Path) -> None:
        """Read all clips of the folder but those of `HELD_OUT_SUBJECTS`.

        Raises:
            FileNotFoundError: There is no such folder.
            InvalidInputError: It holds no clip, or one that cannot be read.
        """
        self._clips = [retarget(read_bvh(path, EVERY), path.name) for path in _clips(folder)]

    def sample(self, rng: np.random.Generator, capsules: Capsules) -> Pose:
        """What somebody did, such that no limb is inside another; each clip is equally likely.

        Args:
            rng: Decides.
            capsules: Of the person.
        """
        best, least = None, np.inf
        for _ in range(TRIES):
            clip = self._clips[int(rng.integers(len(self._clips)))]
            frame = clip[int(rng.integers(len(clip)))]
            spread = _spread(frame)
            overlap = capsules.overlap(spread)
            fits = np.flatnonzero(overlap <= 0)
            chosen = int(fits[0]) if len(fits) else int(overlap.argmin())
            if overlap[chosen] < least:
                best, least = spread[chosen], float(overlap[chosen])
            if least <= 0:
                break
        assert best is not None
        root, pose = Rotation.from_rotvec(best[0]), best.copy()
        pose[0] = 0
        return Pose("motion capture", pose, root, _sits(best))


def motion_digest(folder: Path) -> str:
    """Of the names and sizes of the clips that `MotionPoses` reads there.

    Raises:
        FileNotFoundError: There is no such folder.
        InvalidInputError: It holds no clip.
    """
    names = "\n".join(f"{path.name} {path.stat().st_size}" for path in _clips(folder))
    return hashlib.sha256(names.encode()).hexdigest()[:12]


def _clips(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    files = [
        path
        for path in sorted(folder.glob("*.bvh"))
        if path.stem.split("_")[0] not in HELD_OUT_SUBJECTS
    ]
    if not files:
        raise InvalidInputError(f"{folder} holds no .bvh file to draw poses from")
    return files


def _spread(pose: Floats) -> Floats:
    """A pose (24, 3) with its arms lifted aside by each of `SPREADING_DEG`: (N, 24, 3)."""
    poses = np.repeat(pose[None], len(SPREADING_DEG), axis=0)
    for side, sign in (("left", 1), ("right", -1)):
        joint = _INDEX[f"{side}_shoulder"]
        lifted = Rotation.from_euler("Z", sign * np.array(SPREADING_DEG)[:, None], degrees=True)
        poses[:, joint] = (lifted * Rotation.from_rotvec(pose[joint])).as_rotvec()
    return poses


def _sits(pose: Floats) -> bool:
    """Whether both thighs are level and both shins upright, which nobody can hold unsupported."""
    root = Rotation.from_rotvec(pose[0])
    for side in ("left", "right"):
        hip = root * Rotation.from_rotvec(pose[_INDEX[f"{side}_hip"]])
        knee = hip * Rotation.from_rotvec(pose[_INDEX[f"{side}_knee"]])
        if hip.apply(_DOWN)[1] < -_LEVEL or knee.apply(_DOWN)[1] > -_UPRIGHT:
            return False
    return True
