"""Pairs from AIST++: MediaPipe's pose of each second frame of a video beside the annotated one.

    OUT/training/gBR_sBM_c01_d04_mBR0_ch01.npz    in the format of `training.pose_depth.pairs`

Frames in which nobody is found, or a joint of the annotation is not a number, are left out.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from model.pose_depth.skeleton import HIPS
from training.datasets.aist import FRAME_RATE, AistVideo
from training.datasets.video import video_frames
from training.pose_depth.detector import FoundPose, PoseDetector
from training.pose_depth.pairs import PairSequence, hip_centred, write_pairs

EVERY = 2
"""One frame in so many: 30 a second."""
MOST_FRAMES = 500
"""Of a video."""


def pairs_file(root: Path, video: AistVideo) -> Path:
    """Where the pairs of a video are."""
    return root / video.split / f"{video.name}.npz"


def make_video_pairs(root: Path, video: AistVideo, joints: np.ndarray, look: PoseDetector) -> int:
    """Look at a video, write its pairs; says how many there are.

    Args:
        root: To write to.
        video: Whose frames are looked at.
        joints: (F, 17, 3) in the axes of the room, metres.
        look: Finds a person.

    Raises:
        FileNotFoundError: There is no such video.
        HabitusError: PyAV is not installed.
        InvalidInputError: It cannot be read.
        StorageError: The disk is full or read-only.
    """
    frames = video_frames(video.video, EVERY)
    pairs = pairs_of_video(video, joints, frames, look)
    path = pairs_file(root, video)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_pairs(path, pairs)
    return len(pairs)


def pairs_of_video(
    video: AistVideo,
    joints: np.ndarray,
    frames: Iterable[tuple[int, np.ndarray]],
    look: PoseDetector,
) -> PairSequence:
    """The frames in which somebody is found and all joints are known."""
    seen = video.camera.seen(joints)
    rows = list(_rows(seen, frames, look))
    found = [pose for _, pose, _ in rows]
    truth = np.array([seen[number] for number, _, _ in rows], np.float32).reshape(-1, 17, 3)
    numbers = np.array([number for number, _, _ in rows], np.int64)

    def stacked(arrays: list[np.ndarray], *shape: int) -> np.ndarray:
        return np.array(arrays, np.float32).reshape(len(rows), *shape)

    return PairSequence(
        video.name,
        hip_centred(stacked([pose.joints for pose in found], 17, 3)),
        hip_centred(truth),
        stacked([pose.visibility for pose in found], 17),
        hip_centred(stacked([pose.keypoints / side for _, pose, side in rows], 17, 2)),
        -truth[:, list(HIPS)].mean(1),
        numbers,
        numbers / FRAME_RATE,
    )


def _rows(
    seen: np.ndarray, frames: Iterable[tuple[int, np.ndarray]], look: PoseDetector
) -> Iterator[tuple[int, FoundPose, int]]:
    """Number, pose, and the longer side of the picture."""
    taken = 0
    for number, image in frames:
        if number >= len(seen) or taken == MOST_FRAMES:
            return
        if np.isfinite(seen[number]).all() and (pose := look(image)) is not None:
            taken += 1
            yield number, pose, max(image.shape[:2])
