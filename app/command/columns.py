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


@dataclass(frozen=True)
class Part:
    """What one capability adds to a photo's row."""

    columns: Mapping[str, Cell]
    pngs: Mapping[str, bytes] = field(default_factory=dict)
    """Pictures of the photo's size, by name."""


def silhouette_part(found: SilhouetteConfidence) -> Part:
    """The map, the number of people, and the person with the largest box."""
    columns: dict[str, Cell] = {
        "mean_confidence": round(float(found.confidence.mean()), 5),
        "body_fraction": round(float((found.confidence > BODY_THRESHOLD).mean()), 5),
        "num_people": None if found.people is None else len(found.people),
        **_person_columns(found.of_largest().people if found.people else None),
    }
    return Part(columns, {CONFIDENCE: unit_png(found.confidence)})


def _person_columns(people: tuple[Person, ...] | None) -> dict[str, Cell]:
    if not people:
        return {"person_score": None, "person_box": None, "person_keypoints": None}
    [person] = people
    return {
        "person_score": round(person.score, 4),
        "person_box": np.round(person.box.astype(float), 1).tolist(),
        "person_keypoints": np.round(person.keypoints.astype(float), 3).tolist(),
    }


def clothing_part(found: ClothingSegmentation, seen: SilhouetteConfidence | None) -> Part:
    """The share of the photo that each group of garments covers, and the map of their ids.

    Args:
        found: In the photo.
        seen: Where it was looked for people, nothing is labelled away from them.
    """
    ids = found.grouped if seen is None else found.within(seen.near_people()).grouped
    counts = np.bincount(ids.ravel(), minlength=len(GROUPED))
    shares = {
        f"clothing_{name.replace(' ', '_')}": round(count / ids.size, 5)
        for name, count in zip(GROUPED.labels[1:], counts[1:].tolist(), strict=True)
    }
    return Part(shares, {CLOTHING: encode_png(ids)})
