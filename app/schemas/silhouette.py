"""Wire types of the confidence map.

H W the picture's size.
"""

import base64

import numpy as np
from jaxtyping import Float
from pydantic import Field

from app.codecs.encoding import unit_png
from app.schemas.common import Sent

BODY_THRESHOLD = 0.5


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
    map_png_base64: str = Field(
        description="The map as an 8-bit grey PNG, 255 for a confidence of 1, in base64."
    )

    @classmethod
    def of(cls, confidence: Float[np.ndarray, "H W"]) -> "ConfidenceMap":
        """Summarise a map."""
        body = confidence > BODY_THRESHOLD
        return cls(
            height=confidence.shape[0],
            width=confidence.shape[1],
            mean_confidence=float(confidence.mean()),
            max_confidence=float(confidence.max()),
            body_fraction=float(body.mean()),
            body_box=_box(body) if body.any() else None,
            map_png_base64=base64.b64encode(unit_png(confidence)).decode(),
        )


def _box(inside: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]
