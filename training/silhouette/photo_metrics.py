"""How good a confidence map of a labelled street photo is, where its labels say something certain.

Clothing Co-Parsing labels every pixel. `skin` is body, `null` is not; the person is every pixel
with another label than `null`, hair, shoes and bags included. Inside garments the true map is not
known, but its course is: cloth near the outer edge is further from the body than in the middle.

H W a photo's size.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

from model.silhouette.confidence import sigma_for
from training.reporting.histograms import Histogram, area_under_curve
from training.reporting.standard_error import (
    bootstrap_standard_errors,
    clustered_standard_error,
)
from training.silhouette.metrics import NETWORK, iou

GARMENTS = ("skirt", "dress", "coat")
"""Labels of clothes that hang or stand off the body. Exactly these, without look-alikes such as
`cape`, `jacket` or `romper`."""
MIDDLE_SHARE = 0.25
"""The deepest part of a garment that counts as its middle."""


class PhotoScore(NamedTuple):
    """One photo's part in the sums."""

    skin: float | None
    """Mean confidence on skin; None without any."""
    background: float | None
    """Mean confidence on null; None without any."""
    person_values: Histogram
    background_values: Histogram
    has_garment: bool
    """Whether any pixel is labelled as one of GARMENTS."""
    garment_edge: float | None
    """Mean confidence near the garment's outer edge; None where `garment_parts` finds none."""
    garment_middle: float | None
    """Mean confidence in its middle, likewise."""

    @property
    def contrast(self) -> float | None:
        """Confidence on skin less that on null; photos are ranked by it. None if either is."""
        if self.skin is None or self.background is None:
            return None
        return self.skin - self.background

    def as_json(self) -> dict[str, Any]:
        """Plain lists and numbers; `from_json` reads them."""
        return {
            name: value.as_json() if isinstance(value, Histogram) else value
            for name, value in self._asdict().items()
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "PhotoScore":
        """What `as_json` gave."""
        counted = ("person_values", "background_values")
        return cls(**(content | {name: Histogram.from_json(content[name]) for name in counted}))


def score_photo(
    predicted: np.ndarray, skin: np.ndarray, background: np.ndarray, garment: np.ndarray
) -> PhotoScore:
    """Read a map off where the labels are.

    Args:
        predicted: (H, W) in [0, 1].
        skin: (H, W) bool.
        background: (H, W) bool, labelled `null`; the rest is the person.
        garment: (H, W) bool, labelled as one of GARMENTS.
    """
    parts = garment_parts(garment, background)
    return PhotoScore(
        skin=_mean(predicted, skin),
        background=_mean(predicted, background),
        person_values=Histogram.of(predicted[~background]),
        background_values=Histogram.of(predicted[background]),
        has_garment=bool(garment.any()),
        garment_edge=_mean(predicted, parts[0]) if parts else None,
        garment_middle=_mean(predicted, parts[1]) if parts else None,
    )


def garment_parts(
    garment: np.ndarray, background: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Outer edge and middle of a garment, each (H, W) bool.

    A pixel's depth is its Euclidean distance to the nearest background pixel. The outer edge is
    what is no deeper than one sigma (1/64 of the photo's longer side, `sigma_for`, but at least a
    pixel): at that distance the target has lost 40 %. The middle is the deepest quarter of the
    garment's pixels. Seams to skin, hair, bags or other garments are no outer edge, nor is the
    photo's own border.

    None where that says nothing: no garment, no background, no outer edge (a skirt under a coat),
    or a middle that lies in the edge because the garment shows only as a narrow strip.

    Args:
        garment: (H, W) bool.
        background: (H, W) bool.
    """
    if not garment.any() or not background.any():
        return None
    depth = distance_transform_edt(~background)
    near = max(1.0, sigma_for((garment.shape[0], garment.shape[1])))
    edge = garment & (depth <= near)
    deep = float(np.quantile(depth[garment], 1 - MIDDLE_SHARE))
    if not edge.any() or deep <= near:
        return None
    return edge, garment & (depth >= deep)


class PhotoTotals:
    """Confidence on the skin, the person and the background over photos."""

    def __init__(self) -> None:
        self.num_photos = 0
        self._skin: list[float] = []
        self._background: list[float] = []
        self._garments: list[tuple[float, float]] = []
        self._num_with_garment = 0
        self._person_values: list[np.ndarray] = []
        self._background_values: list[np.ndarray] = []

    def add(self, score: PhotoScore) -> None:
        """One photo more."""
        self.num_photos += 1
        self._skin.append(float("nan") if score.skin is None else score.skin)
        self._background.append(float("nan") if score.background is None else score.background)
        self._num_with_garment += score.has_garment
        if score.garment_edge is not None and score.garment_middle is not None:
            self._garments.append((score.garment_edge, score.garment_middle))
        self._person_values.append(score.person_values.histogram())
        self._background_values.append(score.background_values.histogram())

    def summary(self) -> dict[str, float]:
        """What the photos say; NaN where none says anything.

        `median_skin` and `median_background` are medians over photos of a photo's mean confidence.
        `auroc` is over all pixels of all photos, person against background. `garment_edge_lower` is
        the share, of the photos with both parts of a garment (`garment_photos`), in which the mean
        confidence of the outer edge is below that of the middle; `garment_unclear` more photos show
        such a garment without both parts.
        """
        lower = [edge < middle for edge, middle in self._garments]
        return {
            "photos": self.num_photos,
            "median_skin": _median(self._skin),
            "median_background": _median(self._background),
            "auroc": area_under_curve(
                np.sum(self._person_values, 0), np.sum(self._background_values, 0)
            ),
            "garment_photos": len(lower),
            "garment_unclear": self._num_with_garment - len(lower),
            "garment_edge_lower": float(np.mean(lower)) if lower else float("nan"),
            "median_garment_edge": _median([edge for edge, _ in self._garments]),
            "median_garment_middle": _median([middle for _, middle in self._garments]),
        }

    def standard_errors(self) -> dict[str, float]:
        """Of the summary's main numbers, by drawing photos anew."""
        person, background = np.array(self._person_values), np.array(self._background_values)
        lower = [float(edge < middle) for edge, middle in self._garments]

        def others(times: np.ndarray) -> list[float]:
            return [
                _median(np.repeat(self._skin, times)),
                _median(np.repeat(self._background, times)),
                area_under_curve(times @ person, times @ background),
            ]

        skin, null, auroc = bootstrap_standard_errors(others, range(self.num_photos))
        return {
            "median_skin": skin,
            "median_background": null,
            "auroc": auroc,
            "garment_edge_lower": clustered_standard_error(lower, range(len(lower))),
        }


def _mean(values: np.ndarray, where: np.ndarray) -> float | None:
    return float(values[where].mean(dtype=np.float64)) if where.any() else None


def _median(values: Sequence[float] | np.ndarray) -> float:
    """Of those that are numbers; NaN where none is."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if known.size else float("nan")


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
