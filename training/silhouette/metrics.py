"""How good the confidence map of a rendered person is, whose truth is known everywhere.

Beside the network stand two baselines that know the true silhouettes, which the network does not.
One calls the whole dressed silhouette 1. The other has the body exactly, and in all cloth the one
value that is best for the pictures that are summed up: their cloth's median target.

H W a picture's size.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

from model.silhouette.confidence import sigma_for, silhouette_confidence
from training.reporting.calibration import Reliability
from training.reporting.histograms import LEVELS, Histogram, absolute_error, median

NETWORK, DRESSED, CONSTANT = "network", "dressed silhouette", "body and a constant in cloth"


class Regions(NamedTuple):
    """A number for each part of a picture."""

    picture: float
    """All of it."""
    cloth: float
    """Dressed and not body."""
    band: float
    """Near the body's outline, on either side of it; see `boundary_band`."""


class Ious(NamedTuple):
    """Intersection over union of what each map has above a half with one truth."""

    network: float
    dressed: float
    """Of the dressed silhouette as the map."""
    body: float
    """Of the body as the map."""


class RenderedScore(NamedTuple):
    """One picture's part in the sums, and what it is sorted by."""

    pixels: Regions
    network: Regions
    """Sums of absolute errors."""
    dressed: Regions
    """Likewise, of the dressed silhouette as the map."""
    iou_body: Ious
    """With the body."""
    iou_target: Ious
    """With what the target has above a half, which reaches a little into cloth."""
    cloth_targets: Histogram
    band_targets: Histogram
    """Of the cloth inside the band."""
    reliability: Reliability
    """Over the whole picture."""
    cloth_reliability: Reliability
    looseness: float | None
    """(dressed area - naked area) / naked area; None without a body in the picture."""
    azimuth_deg: float | None
    """See `training.datasets.evaluation_pictures.azimuth_deg`; None where it is not known."""

    def as_json(self) -> dict[str, Any]:
        """Plain lists and numbers; `from_json` reads them."""
        return {
            name: value.as_json() if isinstance(value, Histogram | Reliability) else value
            for name, value in self._asdict().items()
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "RenderedScore":
        """What `as_json` gave."""
        return cls(
            pixels=Regions(*content["pixels"]),
            network=Regions(*content["network"]),
            dressed=Regions(*content["dressed"]),
            iou_body=Ious(*content["iou_body"]),
            iou_target=Ious(*content["iou_target"]),
            cloth_targets=Histogram.from_json(content["cloth_targets"]),
            band_targets=Histogram.from_json(content["band_targets"]),
            reliability=Reliability.from_json(content["reliability"]),
            cloth_reliability=Reliability.from_json(content["cloth_reliability"]),
            looseness=content["looseness"],
            azimuth_deg=content["azimuth_deg"],
        )


def score_rendered(
    predicted: np.ndarray, dressed: np.ndarray, naked: np.ndarray, azimuth_deg: float | None
) -> RenderedScore:
    """Compare a map with the truth that the two silhouettes define.

    Args:
        predicted: (H, W) in [0, 1].
        dressed: (H, W) bool.
        naked: (H, W) bool.
        azimuth_deg: How far the person is turned away, where that is known.
    """
    size = (naked.shape[0], naked.shape[1])
    target = silhouette_confidence(naked, dressed, sigma_for(size))
    cloth, band = dressed & ~naked, boundary_band(naked)
    body_area = int(naked.sum())

    def ious(truth: np.ndarray) -> Ious:
        return Ious(*(iou(found, truth) for found in (predicted > 0.5, dressed, naked)))

    def sums(values: np.ndarray) -> Regions:
        picture = float(values.sum(dtype=np.float64))
        cloth_sum = float(values[cloth].sum(dtype=np.float64))
        return Regions(picture, cloth_sum, float(values[band].sum(dtype=np.float64)))

    return RenderedScore(
        pixels=sums(np.ones(size)),
        network=sums(np.abs(predicted - target)),
        dressed=sums(np.abs(dressed - target)),
        iou_body=ious(naked),
        iou_target=ious(target > 0.5),
        cloth_targets=Histogram.of(target[cloth]),
        band_targets=Histogram.of(target[cloth & band]),
        reliability=Reliability.of(predicted, target),
        cloth_reliability=Reliability.of(predicted[cloth], target[cloth]),
        looseness=(int(dressed.sum()) - body_area) / body_area if body_area else None,
        azimuth_deg=azimuth_deg,
    )


def boundary_band(naked: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels within one sigma of the body's outline, inside it or outside.

    That is 4 pixels in a picture of 256 (`sigma_for`), so the band is the same at any resolution;
    in one of less than 64 it is a pixel on either side. A pixel's distance is that to the nearest
    pixel on the outline's other side, which is 1 at the outline. The picture's own edge is no
    outline.

    Args:
        naked: (H, W) bool.
    """
    if naked.all() or not naked.any():
        return np.zeros(naked.shape, bool)
    distance = np.where(naked, distance_transform_edt(naked), distance_transform_edt(~naked))
    return distance <= max(1.0, sigma_for((naked.shape[0], naked.shape[1])))


class RenderedTotals:
    """Errors and IoUs over pictures: the network's, and the two baselines'."""

    def __init__(self) -> None:
        self.num_pictures = 0
        self._pixels = np.zeros(3)
        self._errors = {NETWORK: np.zeros(3), DRESSED: np.zeros(3)}
        self._ious = np.zeros((2, 3))
        self._cloth_targets = np.zeros(LEVELS + 1)
        self._band_targets = np.zeros(LEVELS + 1)

    def add(self, score: RenderedScore) -> None:
        """One picture more."""
        self.num_pictures += 1
        self._pixels += score.pixels
        self._errors[NETWORK] += score.network
        self._errors[DRESSED] += score.dressed
        self._ious += (score.iou_body, score.iou_target)
        score.cloth_targets.add_to(self._cloth_targets)
        score.band_targets.add_to(self._band_targets)

    def summary(self) -> dict[str, dict[str, float]]:
        """Mean absolute errors over all pixels, cloth pixels and the band's; mean IoU of pictures.

        `iou_body` is with the body, `iou_target` with what the target has above a half.
        """
        means = self._ious / max(1, self.num_pictures)
        network, dressed, body = (means[:, column] for column in range(3))
        constant = median(self._cloth_targets)
        in_cloth = absolute_error(self._cloth_targets, constant)
        in_band = absolute_error(self._band_targets, constant)
        rows = {
            NETWORK: self._row(self._errors[NETWORK], network),
            DRESSED: self._row(self._errors[DRESSED], dressed),
            CONSTANT: self._row(
                np.array([in_cloth, in_cloth, in_band]), dressed if constant > 0.5 else body
            ),
        }
        rows[CONSTANT]["constant"] = constant
        return rows

    def _row(self, errors: np.ndarray, ious: np.ndarray) -> dict[str, float]:
        means = Regions(*(errors / np.maximum(1, self._pixels)).tolist())
        return {
            "mae": means.picture,
            "mae_cloth": means.cloth,
            "mae_band": means.band,
            "iou_body": float(ious[0]),
            "iou_target": float(ious[1]),
        }


def cloth_ratio(summary: dict[str, dict[str, float]]) -> float:
    """The network's error in cloth over the better baseline's; NaN where a baseline has none."""
    baseline = min(summary[DRESSED]["mae_cloth"], summary[CONSTANT]["mae_cloth"])
    return summary[NETWORK]["mae_cloth"] / baseline if baseline else float("nan")


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two bool maps; 1 where both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


LOOSENESS = (("tight", 0.15), ("close", 0.25), ("loose", 0.45), ("wide", float("inf")))
"""Upper bounds of (dressed area - naked area) / naked area.

Fixed, so that tables of different data can be compared; close to the quartiles of `data synth`.
"""
VIEWS = (("front", 30.0), ("three-quarter", 60.0), ("side", 120.0), ("back", 180.0))
"""Upper bounds of the angle in degrees; `back` holds what is turned away by more than 120."""


def looseness_name(score: RenderedScore) -> str | None:
    """Its bin, the upper bound not included."""
    if score.looseness is None:
        return None
    return next(name for name, bound in LOOSENESS if score.looseness < bound)


def view_name(score: RenderedScore) -> str | None:
    """Its bin, the upper bound included."""
    if score.azimuth_deg is None:
        return None
    return next(name for name, bound in VIEWS if score.azimuth_deg <= bound)


class BinnedTotals:
    """Totals of each bin."""

    def __init__(self) -> None:
        self._by_looseness = {name: RenderedTotals() for name, _ in LOOSENESS}
        self._by_view = {name: RenderedTotals() for name, _ in VIEWS}

    def add(self, score: RenderedScore) -> None:
        """One picture more; what is not known of it puts it into no bin."""
        if name := looseness_name(score):
            self._by_looseness[name].add(score)
        if name := view_name(score):
            self._by_view[name].add(score)

    def by_looseness(self) -> list[dict[str, Any]]:
        """A row for each bin with pictures; each has its own best constant as baseline."""
        return _rows(self._by_looseness.items())

    def by_view(self) -> list[dict[str, Any]]:
        """Likewise."""
        return _rows(self._by_view.items())


def _rows(totals: Iterable[tuple[str, RenderedTotals]]) -> list[dict[str, Any]]:
    rows = []
    for name, total in totals:
        if total.num_pictures:
            summary = total.summary()
            row = {"name": name, "pictures": total.num_pictures, "scores": summary}
            rows.append(row | {"cloth_ratio": cloth_ratio(summary)})
    return rows
