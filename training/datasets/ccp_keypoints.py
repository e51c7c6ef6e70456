"""Stored keypoints of the people in the photos of Clothing Co-Parsing.

The file `ccp_keypoints.npz` in this folder was made by

    python -m training data keypoints --ccp DIR --model pose_landmarker_full.task --out FILE

with MediaPipe's Pose Landmarker (full; Apache-2.0) from the photos of Clothing Co-Parsing
(Apache-2.0) that have pixel labels, without the reserved ones. It holds points and no pixels.
Training with it does not need MediaPipe.

N photos, 33 landmarks in MediaPipe's order (`model.skeletons.MEDIAPIPE_33_NAMES`).
"""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.errors import InvalidInputError
from model.skeletons import MEDIAPIPE_33_NAMES
from training.engine.atomic import replacing

STORED = Path(__file__).with_suffix(".npz")
"""The file in this package."""
FORMAT = "habitus-ccp-keypoints-1"
NUM_LANDMARKS = len(MEDIAPIPE_33_NAMES)
TEXTS = ("format", "model", "model_sha256")
ARRAYS = ("numbers", "sizes", "landmarks", "visibility")


@dataclass(frozen=True)
class Pose:
    """The landmarks of the one person in a photo."""

    landmarks: np.ndarray
    """(33, 2) float32: x and y over the photo's width and height, which may lie outside of 0 to 1.
    NaN if no person was found."""
    visibility: np.ndarray
    """(33,) float32 in [0, 1]: probability that the landmark is in the photo and not hidden. 0 if
    no person was found."""

    @property
    def found(self) -> bool:
        """Whether a person was found."""
        return bool(np.isfinite(self.landmarks).all())


NOBODY = Pose(np.full((NUM_LANDMARKS, 2), np.nan, np.float32), np.zeros(NUM_LANDMARKS, np.float32))


@dataclass(frozen=True)
class CcpKeypoints:
    """The poses of many photos."""

    model: str
    """File name of the landmarker's weights."""
    model_sha256: str
    numbers: np.ndarray
    """(N,) int32, the photos' numbers, ascending."""
    sizes: np.ndarray
    """(N, 2) int32, height and width of each photo, in pixels."""
    landmarks: np.ndarray
    """(N, 33, 2) float32, as in `Pose`."""
    visibility: np.ndarray
    """(N, 33) float32, as in `Pose`."""

    @classmethod
    def empty(cls, model: str, model_sha256: str) -> "CcpKeypoints":
        """The keypoints of no photos."""
        return cls(
            model,
            model_sha256,
            np.zeros(0, np.int32),
            np.zeros((0, 2), np.int32),
            np.zeros((0, NUM_LANDMARKS, 2), np.float32),
            np.zeros((0, NUM_LANDMARKS), np.float32),
        )

    @classmethod
    def load(cls, path: Path) -> "CcpKeypoints":
        """Read a file that `save` wrote.

        Raises:
            FileNotFoundError: There is no such file.
            InvalidInputError: It is damaged, or another kind of file.
        """
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                content = {name: file[name] for name in (*TEXTS, *ARRAYS)}
        except FileNotFoundError:
            raise
        except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise InvalidInputError(f"{path} cannot be read as keypoints: {error}") from error
        if str(content["format"]) != FORMAT:
            raise InvalidInputError(
                f"{path} has the format {content['format']}; {FORMAT} is needed"
            )
        arrays = {name: content[name] for name in ARRAYS}
        keypoints = cls(str(content["model"]), str(content["model_sha256"]), **arrays)
        fault = keypoints._fault()
        if fault:
            raise InvalidInputError(f"{path}: {fault}")
        return keypoints

    def save(self, path: Path) -> None:
        """Write a compressed NumPy archive atomically."""
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                format=FORMAT,
                model=self.model,
                model_sha256=self.model_sha256,
                numbers=self.numbers,
                sizes=self.sizes,
                landmarks=self.landmarks,
                visibility=self.visibility,
            )

    def extended(
        self, numbers: list[int], sizes: list[tuple[int, int]], poses: list[Pose]
    ) -> "CcpKeypoints":
        """These keypoints and those of more photos, in the order of the photos' numbers."""
        if not numbers:
            return self
        together = np.concatenate([self.numbers, np.array(numbers, np.int32)])
        order = np.argsort(together)
        landmarks = np.stack([pose.landmarks for pose in poses]).astype(np.float32)
        visibility = np.stack([pose.visibility for pose in poses]).astype(np.float32)
        return CcpKeypoints(
            self.model,
            self.model_sha256,
            together[order],
            np.concatenate([self.sizes, np.array(sizes, np.int32)])[order],
            np.concatenate([self.landmarks, landmarks])[order],
            np.concatenate([self.visibility, visibility])[order],
        )

    def pose(self, number: int, size: tuple[int, int]) -> Pose:
        """The pose in a photo.

        Args:
            number: The photo's.
            size: Its (height, width), to detect another photo of the same number.

        Raises:
            InvalidInputError: There are no keypoints of the photo, or it had another size.
        """
        index = int(np.searchsorted(self.numbers, number))
        if index == len(self.numbers) or self.numbers[index] != number:
            raise InvalidInputError(
                f"the keypoints are of {len(self.numbers)} other photos, not of photo {number}; "
                "make them with python -m training data keypoints, and name them in data.keypoints"
            )
        height, width = self.sizes[index].tolist()
        if (height, width) != size:
            raise InvalidInputError(
                f"the keypoints of photo {number} were found in a picture of {width}x{height} "
                f"pixels; this one has {size[1]}x{size[0]}"
            )
        return Pose(self.landmarks[index], self.visibility[index])

    def holds(self, number: int, size: tuple[int, int]) -> bool:
        """Whether there is a pose of the photo of this number and (height, width)."""
        index = int(np.searchsorted(self.numbers, number))
        known = index < len(self.numbers) and self.numbers[index] == number
        return bool(known) and tuple(self.sizes[index].tolist()) == size

    def digest(self) -> str:
        """A digest of all points."""
        digest = hashlib.sha256()
        for name in ARRAYS:
            digest.update(getattr(self, name).tobytes())
        return digest.hexdigest()

    def _fault(self) -> str | None:
        """The first fault of the arrays."""
        count = len(self.numbers) if self.numbers.ndim == 1 else -1
        empty = self.empty("", "")
        for name in ARRAYS:
            array, like = getattr(self, name), getattr(empty, name)
            shape = (count, *like.shape[1:])
            if array.shape != shape or array.dtype != like.dtype:
                return f"{name} is {array.dtype} of {array.shape}; {like.dtype} of {shape}"
        if (np.diff(self.numbers) <= 0).any():
            return "photo numbers are not ascending"
        finite = np.isfinite(self.landmarks).all((1, 2))
        nobody = np.isnan(self.landmarks).all((1, 2))
        if not (finite | nobody).all():
            return f"landmarks of photo {self.numbers[~(finite | nobody)][0]} are partly NaN"
        if not ((self.visibility >= 0) & (self.visibility <= 1)).all():
            return "visibility is outside of 0 to 1"
        return None
