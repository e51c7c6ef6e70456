"""Human3.6M: frames that `data h36m-frames` took out of its videos, with joints.

    images/S9_Directions_1.54138969_000001.jpg     subject, action, camera, frame from 1
    joints.npz    `imgname` (N,), names as above with or without `images/`; `part` (N, 24, 3) or
                  (N, 14, 3): x, y in pixels and whether the joint is known

The arrays are those of SPIN's dataset files, whose first 14 joints are in the order of
`model.mesh_confidence.joints`. Research use only, with a licence of the authors.

Sources: Ionescu et al., Human3.6M, TPAMI 2014; Kolotouros et al., SPIN, ICCV 2019.
"""

import re
import zipfile
from pathlib import Path

import numpy as np

from model.errors import InvalidInputError
from model.mesh_confidence.joints import NUM_JOINTS
from training.datasets.joint_photos import JointPhoto, JointPhotos

_FRAME = re.compile(r"_\d+$")


def open_h36m(root: Path) -> JointPhotos:
    """Every frame with joints, in the order of the file.

    Raises:
        FileNotFoundError: There is no joints.npz.
        InvalidInputError: It is damaged, or holds other arrays.
    """
    path = root / "joints.npz"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            names, parts = file["imgname"].astype(str), file["part"].astype(np.float32)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from error
    if parts.ndim != 3 or parts.shape[1] not in (NUM_JOINTS, 24) or parts.shape[2] != 3:
        raise InvalidInputError(f"{path}: part is {parts.shape}; (N, 24, 3) is needed")
    if names.shape != (len(parts),) or not len(parts):
        raise InvalidInputError(f"{path}: imgname is {names.shape}; {len(parts)} names are needed")
    photos = []
    for name, part in zip(names.tolist(), parts, strict=True):
        file_name = Path(name).name
        points = part[:NUM_JOINTS].copy()
        points[:, 2] = (points[:, 2] > 0) & np.isfinite(points).all(1)
        sequence = _FRAME.sub("", Path(file_name).stem)
        photos.append(
            JointPhoto(root / "images" / file_name, np.nan_to_num(points), sequence, file_name)
        )
    return JointPhotos("h36m", photos)
