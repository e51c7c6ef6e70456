"""What one photo gives: columns of a table, and pictures.

A capability has a function here. One whose results need no photo, as `body`, has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.codecs.encoding import unit_png
from app.codecs.png import encode_png
from app.schemas.silhouette import BODY_THRESHOLD
from model.clothing.labels import GROUPED
from model.clothing.predictor import ClothingSegmentation
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouetteConfidence

Cell = str | int | float | list[Any] | None
"""Of a table. A list becomes JSON in a CSV file and stays a list in a Parquet file."""
CONFIDENCE, CLOTHING = "confidence", "clothing"
"""Names of the pictures."""
PHOTO_COLUMNS: dict[str, Any] = {"error": str, "height": int, "width": int}
"""Of every photo. The types are those of `Cell`; any value may be None."""
SILHOUETTE_COLUMNS: dict[str, Any] = {
    "mean_confidence": float,
    "body_fraction": float,
    "num_people": int,
    "person_score": float,
    "person_box": list[float],
    "person_keypoints": list[list[float]],
}
CLOTHING_COLUMNS: dict[str, Any] = {
    f"clothing_{name.replace(' ', '_')}": float for name in GROUPED.labels[1:]
}


@dataclass(frozen=True)
class Part:
    """What one capability adds to a photo's row."""

    columns: Mapping[str, Cell]
    pngs: Mapping[str, bytes] = field(default_factory=dict)
    """Pictures of the photo's size, by name."""


def silhouette_part(found: SilhouetteConfidence) -> Part:
    """The map, the number of people, and the person with the largest box."""
    values: list[Cell] = [
        round(float(found.confidence.mean()), 5),
        round(float((found.confidence > BODY_THRESHOLD).mean()), 5),
        None if found.people is None else len(found.people),
        *_largest(found.of_largest().people if found.people else None),
    ]
    columns = dict(zip(SILHOUETTE_COLUMNS, values, strict=True))
    return Part(columns, {CONFIDENCE: unit_png(found.confidence)})


def _largest(people: tuple[Person, ...] | None) -> tuple[Cell, Cell, Cell]:
    """Score, box and keypoints."""
    if not people:
        return None, None, None
    [person] = people
    return (
        round(person.score, 4),
        np.round(person.box.astype(float), 1).tolist(),
        np.round(person.keypoints.astype(float), 3).tolist(),
    )


def clothing_part(found: ClothingSegmentation, seen: SilhouetteConfidence | None) -> Part:
    """The share of the photo that each group of garments covers, and the map of their ids.

    Args:
        found: In the photo.
        seen: Where it was looked for people, nothing is labelled away from them.
    """
    ids = found.grouped if seen is None else found.within(seen.near_people()).grouped
    counts = np.bincount(ids.ravel(), minlength=len(GROUPED))[1:]
    shares = [round(count / ids.size, 5) for count in counts.tolist()]
    return Part(dict(zip(CLOTHING_COLUMNS, shares, strict=True)), {CLOTHING: encode_png(ids)})
