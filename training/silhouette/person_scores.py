"""How much of a person a confidence map finds in a photo from anywhere, and how much beside it.

The mask shows the person in clothes, hair and shoes included, and not the body: a map that is right
keeps within it and leaves loose cloth and hair out. So these numbers say whether a map finds people
at all, and not how well it knows the body.

H W a photo's size.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from training.reporting.standard_error import clustered_standard_error
from training.silhouette.scores import NETWORK, iou

WHOLE = "whole picture"


class PersonScore(NamedTuple):
    """Of one photo."""

    recall: float
    """Share of the person that the map has above a half."""
    mass_on_person: float
    """Share of the map's sum that lies on the person; 0 for an empty map."""
    iou: float
    """Of what the map has above a half with the person."""
    person_share: float
    """Of the picture. The trivial baseline, a map of 1 everywhere, has it for its IoU and mass."""

    def as_json(self) -> dict[str, Any]:
        """Plain numbers; `PersonScore(**content)` reads them."""
        return self._asdict()


def score_person(predicted: np.ndarray, mask: np.ndarray) -> PersonScore:
    """Compare a map with a person's mask.

    Args:
        predicted: (H, W) in [0, 1].
        mask: (H, W) bool.
    """
    found, mass = predicted > 0.5, float(predicted.sum(dtype=np.float64))
    return PersonScore(
        recall=float(found[mask].mean()) if mask.any() else 1.0,
        mass_on_person=float(predicted[mask].sum(dtype=np.float64)) / mass if mass else 0.0,
        iou=iou(found, mask),
        person_share=float(mask.mean()),
    )


def person_report(scores: Sequence[PersonScore]) -> dict[str, Any]:
    """Means over photos with their standard errors, beside the baseline's means.

    `iou_below_half` is the share of photos with an IoU below 0.5.
    """
    shares = [score.person_share for score in scores]
    found = {
        "recall": [score.recall for score in scores],
        "mass_on_person": [score.mass_on_person for score in scores],
        "iou": [score.iou for score in scores],
        "iou_below_half": [float(score.iou < 0.5) for score in scores],
    }
    everywhere = {
        "recall": 1.0,
        "mass_on_person": float(np.mean(shares)),
        "iou": float(np.mean(shares)),
        "iou_below_half": float(np.mean(np.array(shares) < 0.5)),
    }
    return {
        "photos": len(scores),
        NETWORK: {name: float(np.mean(values)) for name, values in found.items()},
        "standard_errors": {
            name: clustered_standard_error(values, range(len(values)))
            for name, values in found.items()
        },
        WHOLE: everywhere,
    }
