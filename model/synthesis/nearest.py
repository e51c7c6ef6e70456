"""The frame whose skeleton is nearest: a person drawn without any network.

N frames that are known, M frames asked for, S side of the pictures.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
import torch
from jaxtyping import Float32, UInt8
from scipy.spatial import cKDTree
from torch import Tensor

from model.errors import CheckpointError, InvalidInputError
from model.synthesis.skeletons import Skeletons

QUALITY = 90
"""Of the JPEG files that frames are kept as."""
KEPT_DECODED = 256
"""Frames that stay decoded."""


class NearestFrames:
    """Frames of a person and their skeletons, by Euclidean distance of 26 or 99 numbers."""

    frames_seen = 1
    """Skeletons that a picture depends on."""

    def __init__(self, vectors: Float32[np.ndarray, "N D"], files: Sequence[bytes]) -> None:
        """Take the frames.

        Args:
            vectors: Of `Skeletons.vectors_26` or of `vectors_99`.
            files: N JPEG files, all of one size.

        Raises:
            ValueError: There is no frame, or a skeleton has neither 26 nor 99 numbers.
        """
        if not len(vectors) == len(files) > 0 or vectors.shape[1] not in (26, 99):
            raise ValueError(
                f"{len(files)} frames and vectors of the shape {vectors.shape}; as many frames as "
                "vectors of 26 or 99 numbers are needed, at least one"
            )
        self.vectors, self.files = vectors, tuple(files)
        self._tree = cKDTree(vectors)
        self._decoded = lru_cache(KEPT_DECODED)(self._decode)
        self.image_size = len(self._decoded(0))

    @classmethod
    def of(
        cls, skeletons: Skeletons, pictures: UInt8[np.ndarray, "N S S 3"], num_numbers: int = 26
    ) -> "NearestFrames":
        """From pictures, which are compressed.

        Args:
            skeletons: Of each picture.
            pictures: RGB.
            num_numbers: 26 or 99.

        Raises:
            InvalidInputError: 99 numbers are asked for and only the points are known.
        """
        files = [
            simplejpeg.encode_jpeg(np.ascontiguousarray(one), QUALITY, "RGB", "444")
            for one in pictures
        ]
        return cls(vectors_of(skeletons, num_numbers), files)

    def render(self, skeletons: Skeletons) -> UInt8[np.ndarray, "M S S 3"]:
        """The nearest frame for each skeleton.

        Raises:
            InvalidInputError: The numbers that are compared are not known.
        """
        _, nearest = self._tree.query(vectors_of(skeletons, self.vectors.shape[1]))
        return np.stack([self._decoded(int(number)) for number in nearest])

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds."""
        return {
            "vectors": torch.from_numpy(self.vectors),
            "files": torch.from_numpy(np.frombuffer(b"".join(self.files), np.uint8).copy()),
            "ends": torch.tensor([len(file) for file in self.files]).cumsum(0),
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "NearestFrames":
        """What `tensors` gave.

        Raises:
            CheckpointError: A frame is no JPEG file.
            KeyError, ValueError: Something is missing, or does not fit together.
        """
        ends = tensors["ends"].tolist()
        content = tensors["files"].numpy().tobytes()
        if not ends or ends[-1] != len(content):
            raise ValueError("the frames do not end where they should")
        starts = [0, *ends[:-1]]
        files = [content[start:end] for start, end in zip(starts, ends, strict=True)]
        return cls(tensors["vectors"].numpy(), files)

    def _decode(self, number: int) -> UInt8[np.ndarray, "S S 3"]:
        try:
            pixels: np.ndarray = simplejpeg.decode_jpeg(self.files[number], "RGB")
        except ValueError as error:
            raise CheckpointError(f"frame {number} is no JPEG file: {error}") from error
        return pixels


def vectors_of(skeletons: Skeletons, num_numbers: int) -> Float32[np.ndarray, "N D"]:
    """The numbers that are compared.

    Raises:
        InvalidInputError: They are not known, or a frame has no skeleton.
    """
    vectors = skeletons.vectors_26() if num_numbers == 26 else skeletons.vectors_99()
    if not np.isfinite(vectors).all():
        raise InvalidInputError("a skeleton holds numbers that are not finite")
    return vectors
