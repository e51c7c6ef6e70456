"""What every server is asked to do, so that only the serving differs.

`silhouette` and `clothing`: decode a JPEG, that network, a PNG, all as the app does them. `no-op`:
a small JSON document in, a fixed body of four vertices out, no computation: what the frameworks
cost.
"""

import json
import os
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import orjson
from jaxtyping import Float, UInt8

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Item_contra = TypeVar("_Item_contra", contravariant=True)
_Result_co = TypeVar("_Result_co", covariant=True)

JOINT_NAMES = tuple(f"joint {number}" for number in range(24))
VERTICES = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], dtype=np.int64)
MAX_BATCH = 8
"""Of every server that batches."""
PICTURES = ("silhouette", "clothing")
"""Work that takes a form with a picture, by its capability."""


class Work(Protocol):
    """Request body in, answer out, in three steps."""

    media_type: str

    def decode(self, body: bytes, /) -> Any:
        """An item."""

    def predict(self, items: Sequence[Any], /) -> Sequence[Any]:
        """A result for each item."""

    def encode(self, result: Any, /) -> bytes:
        """The body of the answer."""


class Pictures:
    """JPEG in, PNG out, with the checkpoints of this repository, loaded as the app loads them."""

    media_type = "image/png"

    def __init__(self) -> None:
        from app.capabilities import Predictors
        from app.settings import Settings

        self._max_pixels = Settings().max_pixels
        self._predictors = Predictors.load(Settings())

    def decode(self, body: bytes) -> UInt8[np.ndarray, "H W 3"]:
        """The picture."""
        from model.picture_file.reader import decode_picture

        return decode_picture(body, self._max_pixels)


class Silhouette(Pictures):
    """Where the body is."""

    def predict(self, items: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> Sequence[Any]:
        """The maps."""
        from app.capabilities import SILHOUETTE

        return self._predictors.need(SILHOUETTE).predict_batch(items)

    def encode(self, result: Any) -> bytes:
        """8-bit grey."""
        from app.codecs.encoding import unit_png

        return unit_png(result.confidence)


class Clothing(Pictures):
    """Which garment is where."""

    def predict(self, items: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> Sequence[Any]:
        """The pictures with their labels."""
        from app.capabilities import CLOTHING
        from app.routes.clothing import LabelledPhoto

        found = self._predictors.need(CLOTHING).predict_batch(items)
        return [LabelledPhoto.of(*pair, "grouped") for pair in zip(items, found, strict=True)]

    def encode(self, result: Any) -> bytes:
        """The photo under its labels' colours."""
        from app.codecs.media_types import PNG
        from app.routes.clothing import CLOTHING_ENCODERS

        return CLOTHING_ENCODERS[PNG](result)


class NoOp:
    """JSON in, JSON out."""

    media_type = "application/json"

    def decode(self, body: bytes) -> list[float]:
        """The betas."""
        betas: list[float] = json.loads(body)["betas"]
        return betas

    def predict(self, items: Sequence[list[float]]) -> Sequence[Float[np.ndarray, "4 3"]]:
        """The same for all."""
        return [VERTICES] * len(items)

    def encode(self, result: Float[np.ndarray, "4 3"]) -> bytes:
        """As the app answers: vertices, faces, joints."""
        return orjson.dumps(document(result), option=orjson.OPT_SERIALIZE_NUMPY)


def document(vertices: Float[np.ndarray, "4 3"]) -> dict[str, Any]:
    """The content of a no-op's answer, as long as the app's own."""
    return {
        "vertices": vertices.tolist(),
        "faces": FACES.tolist(),
        "joints": np.tile(vertices[:1], (len(JOINT_NAMES), 1)).tolist(),
        "joint_names": JOINT_NAMES,
    }


WORK: dict[str, type[Work]] = {
    "silhouette": Silhouette,
    "clothing": Clothing,
    "no-op": NoOp,
}


def load(name: str) -> Work:
    """The work of that name."""
    return WORK[name]()


def limit_threads(num_workers: int) -> None:
    """Share the cores among processes that each run the network."""
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // num_workers))
