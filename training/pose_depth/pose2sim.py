"""MediaPipe's poses of a real person before four cameras, beside the triangulated ones.

    truth.npz    besides what `training.datasets.pose2sim` reads: `landmarks` (F, 4, 33, 3) x, y in
                 pixels; `visibility` (F, 4, 33); `world` (F, 4, 33, 3) MediaPipe's world landmarks

From the demonstration of the package pose2sim (BSD-3-Clause). To measure on only.
"""

import zipfile
from pathlib import Path

import numpy as np

from model.errors import InvalidInputError
from model.pose_depth.skeleton import HIPS
from model.skeletons import MEDIAPIPE_OF_COCO
from training.pose_depth.pairs import PairSequence, hip_centred

FRAME_RATE = 60.0
"""Of the recording, whose frame numbers are the names of the files."""
_ARRAYS = ("frames", "truth", "R", "t", "landmarks", "visibility", "world")


def read_camera_sequences(root: Path) -> list[PairSequence]:
    """One sequence a camera, in the camera's axes; joints that are not known are NaN in the truth.

    Frames whose hips are not known are left out.

    Raises:
        FileNotFoundError: There is no truth.npz.
        InvalidInputError: It cannot be read.
    """
    path = root / "truth.npz"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            content = {name: file[name] for name in _ARRAYS}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    chosen = list(MEDIAPIPE_OF_COCO)
    numbers = np.array([int(Path(str(name)).stem) for name in content["frames"]], np.int64)
    sequences = []
    for camera in range(len(content["R"])):
        turned = content["truth"][:, chosen] @ content["R"][camera].T + content["t"][camera]
        hips = turned[:, list(HIPS)].mean(1)
        known = np.isfinite(hips).all(-1)
        sequences.append(
            PairSequence(
                f"cam{camera + 1:02d}",
                hip_centred(content["world"][known, camera][:, chosen]).astype(np.float32),
                hip_centred(turned[known]).astype(np.float32),
                content["visibility"][known, camera][:, chosen].clip(0, 1).astype(np.float32),
                hip_centred(content["landmarks"][known, camera][:, chosen, :2]).astype(np.float32),
                -hips[known].astype(np.float32),
                numbers[known],
                numbers[known] / FRAME_RATE,
            )
        )
    return sequences
