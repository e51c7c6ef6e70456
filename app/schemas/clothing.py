"""Wire types of the clothing map.

H W the picture's size, C labels.
"""

import base64
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, UInt8
from pydantic import Field
from scipy.ndimage import find_objects

from app.codecs.png import encode_png
from app.schemas.common import Sent
from model.clothing.labels import SCHEMES

SchemeName = Literal["fine", "grouped"]
_BLOCK = 1 << 16
"""Pixels that are counted at once: their copies as wide integers fit into a CPU's cache."""
_COLOUR = "Red, green and blue, 0 to 255."


class ClothingLabel(Sent):
    """A label of the scheme."""

    id: int = Field(description="Its value in the map.")
    name: str
    colour: list[int] = Field(description=_COLOUR, min_length=3, max_length=3)


class FoundLabel(ClothingLabel):
    """A label that the picture holds."""

    area_fraction: float = Field(description="Share of the picture's pixels, in [0, 1].")
    box: list[int] = Field(
        description="Smallest box around its pixels: left, top, right, bottom, the last two "
        "exclusive.",
        min_length=4,
        max_length=4,
    )
    mean_score: float = Field(
        description="Mean probability of the label over its pixels, in [0, 1]."
    )


class ClothingMap(Sent):
    """Which garment is where."""

    height: int = Field(description="Of the upright picture, in pixels.")
    width: int = Field(description="Of the upright picture, in pixels.")
    scheme: SchemeName = Field(description="Which labels are told apart.")
    labels: list[FoundLabel] = Field(
        description="What the picture holds, the largest first; without label 0, which is "
        "whatever nobody wears."
    )
    palette: list[ClothingLabel] = Field(description="All labels of the scheme, by their ids.")
    map_png_base64: str = Field(
        description="The label of each pixel as an 8-bit grey PNG, whose values are ids, in base64."
    )

    @classmethod
    def of(
        cls,
        ids: UInt8[np.ndarray, "H W"],
        scores: Float[np.ndarray, "H W"],
        scheme: SchemeName,
    ) -> "ClothingMap":
        """Summarise a map of the scheme's labels, with the probability of each pixel's label."""
        height, width = ids.shape
        names, colours = SCHEMES[scheme].labels, SCHEMES[scheme].colours.tolist()
        areas, sums = _sums_by_label(ids, scores, len(names))
        boxes = find_objects(ids, len(names) - 1)
        largest_first = np.argsort(-areas[1:], kind="stable") + 1
        return cls(
            height=height,
            width=width,
            scheme=scheme,
            labels=[
                FoundLabel(
                    id=label,
                    name=names[label],
                    colour=colours[label],
                    area_fraction=areas[label] / ids.size,
                    box=_corners(*boxes[label - 1]),
                    mean_score=sums[label] / areas[label],
                )
                for label in largest_first[areas[largest_first] > 0].tolist()
            ],
            palette=[
                ClothingLabel(id=label, name=name, colour=colours[label])
                for label, name in enumerate(names)
            ],
            map_png_base64=base64.b64encode(encode_png(ids)).decode(),
        )


def _sums_by_label(
    ids: UInt8[np.ndarray, "H W"], scores: Float[np.ndarray, "H W"], num_labels: int
) -> tuple[Int[np.ndarray, " C"], Float[np.ndarray, " C"]]:
    """How many pixels each label has, and the sum of their scores."""
    areas, sums = np.zeros(num_labels, np.int64), np.zeros(num_labels)
    flat_ids, flat_scores = ids.ravel(), scores.ravel()
    for start in range(0, ids.size, _BLOCK):
        block = flat_ids[start : start + _BLOCK].astype(np.intp)
        areas += np.bincount(block, minlength=num_labels)
        sums += np.bincount(block, flat_scores[start : start + _BLOCK], num_labels)
    return areas, sums


def _corners(rows: slice, columns: slice) -> list[int]:
    return [columns.start, rows.start, columns.stop, rows.stop]
