"""Wire types of the confidence map and of the people in a picture.

H W the picture's size.
"""

import base64

import numpy as np
from jaxtyping import Float32
from pydantic import Field

from app.codecs.encoding import unit_png
from app.schemas.common import Sent
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouetteConfidence
from model.skeletons import COCO_17_NAMES

BODY_THRESHOLD = 0.5


class SeenKeypoint(Sent):
    """One of COCO's 17 keypoints."""

    name: str
    x: float = Field(description="Pixels of the upright picture, from the left.")
    y: float = Field(description="Pixels of the upright picture, from the top.")
    score: float = Field(description="How surely it is there, in [0, 1].")


class SeenPerson(Sent):
    """A person in the picture."""

    box: list[float] = Field(
        description="Left, top, right, bottom in pixels of the upright picture.",
        min_length=4,
        max_length=4,
    )
    score: float = Field(description="How surely this is a person, in [0, 1].")
    keypoints: list[SeenKeypoint] = Field(description="In COCO's order.")

    @classmethod
    def of(cls, person: Person) -> "SeenPerson":
        """On the wire."""
        return cls(
            box=[round(side, 1) for side in person.box.tolist()],
            score=round(person.score, 4),
            keypoints=keypoints_of(person.keypoints),
        )


def keypoints_of(keypoints: Float32[np.ndarray, "17 3"]) -> list[SeenKeypoint]:
    """On the wire.

    Args:
        keypoints: x, y in pixels, and a score.
    """
    return [
        SeenKeypoint(name=name, x=round(x, 1), y=round(y, 1), score=round(score, 4))
        for name, (x, y, score) in zip(COCO_17_NAMES, keypoints.tolist(), strict=True)
    ]


class ConfidenceMap(Sent):
    """Where the body is, under whatever the person wears."""

    height: int = Field(description="Of the upright picture, in pixels.")
    width: int = Field(description="Of the upright picture, in pixels.")
    mean_confidence: float = Field(description="Over all pixels, in [0, 1].")
    max_confidence: float = Field(description="Over all pixels, in [0, 1].")
    body_fraction: float = Field(description="Share of the pixels whose confidence is over 0.5.")
    body_box: list[int] | None = Field(
        description="Smallest box around those pixels: left, top, right, bottom, the last two "
        "exclusive. Null where there are none."
    )
    people: list[SeenPerson] | None = Field(
        description="Those of the highest score first; empty where nobody was found. Null if the "
        "checkpoint does not look for people."
    )
    map_png_base64: str = Field(
        description="The map as an 8-bit grey PNG, 255 for a confidence of 1, in base64."
    )

    @classmethod
    def of(cls, result: SilhouetteConfidence) -> "ConfidenceMap":
        """Summarise a result."""
        confidence, people = result.confidence, result.people
        body = confidence > BODY_THRESHOLD
        return cls(
            height=confidence.shape[0],
            width=confidence.shape[1],
            mean_confidence=float(confidence.mean()),
            max_confidence=float(confidence.max()),
            body_fraction=float(body.mean()),
            body_box=_box(body) if body.any() else None,
            people=None if people is None else [SeenPerson.of(person) for person in people],
            map_png_base64=base64.b64encode(unit_png(confidence)).decode(),
        )


def _box(inside: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
