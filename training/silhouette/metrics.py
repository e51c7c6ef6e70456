"""How good confidence maps are: of rendered people, of labelled photos, of photos with masks.

Two baselines know the true silhouettes of rendered people: one is 1 on the dressed silhouette; the
other is 1 on the body and has one value in all cloth, the best for the pictures that are summed up
(their cloth's median target). With masks the baseline is 1 everywhere.

In Clothing Co-Parsing `skin` is body and `null` is not; the person is all that is not `null`. The
true map of a garment is lower near its outer edge than in its middle.

H W a picture's size.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

from model.silhouette.confidence import person_confidence, person_sigma
from training.photos.garments import far_cloth, garment_parts
from training.reporting.calibration import Reliability
from training.reporting.histograms import Histogram, absolute_error, median, total

NETWORK, DRESSED, CONSTANT = "network", "dressed silhouette", "body and a constant in cloth"
WHOLE = "whole picture"


class Regions(NamedTuple):
    """A number for each part of a picture."""

    picture: float
    """All of it."""
    cloth: float
    """Dressed and not body."""
    band: float
    """Near the body's outline, see `boundary_band`."""


class Ious(NamedTuple):
    """IoU with one truth of the network's map above 0.5, the dressed silhouette and the body."""

    network: float
    dressed: float
    body: float


class RenderedScore(NamedTuple):
    """Of one rendered picture."""

    pixels: Regions
    mae: Regions
    """Mean absolute errors; NaN in a region without a pixel."""
    mae_dressed: Regions
    """Likewise, of the dressed silhouette as the map."""
    iou_body: Ious
    """With the body."""
    iou_target: Ious
    """With what the target has above 0.5, which includes a little cloth."""
    cloth_targets: Histogram
    band_targets: Histogram
    """Of the cloth inside the band."""
    reliability: Reliability
    """Over the whole picture."""
    cloth_reliability: Reliability
    looseness: float | None
    """(dressed area - naked area) / naked area; None without a body in the picture."""
    azimuth_deg: float | None
    """0 faces the camera, 180 shows the back; None where it is not known."""
    bmi: float | None
    """Body mass index in kg/m^2; None where it is not known."""


def score_rendered(
    predicted: np.ndarray,
    dressed: np.ndarray,
    naked: np.ndarray,
    azimuth_deg: float | None,
    bmi: float | None = None,
) -> RenderedScore:
    """Compare a map with the one that the two silhouettes define.

    Args:
        predicted: (H, W) in [0, 1].
        dressed: (H, W) bool.
        naked: (H, W) bool.
        azimuth_deg: How far the person is turned away, where that is known.
        bmi: Body mass index, likewise.
    """
    target = person_confidence(naked, dressed)
    cloth, band = dressed & ~naked, boundary_band(naked)
    body_area = int(naked.sum())

    def ious(truth: np.ndarray) -> Ious:
        return Ious(*(iou(found, truth) for found in (predicted > 0.5, dressed, naked)))

    def mae(found: np.ndarray) -> Regions:
        errors = np.abs(found - target)
        return Regions(*(_mean(errors, region) for region in (~cloth | cloth, cloth, band)))

    return RenderedScore(
        pixels=Regions(target.size, int(cloth.sum()), int(band.sum())),
        mae=mae(predicted),
        mae_dressed=mae(dressed),
        iou_body=ious(naked),
        iou_target=ious(target > 0.5),
        cloth_targets=Histogram.of(target[cloth]),
        band_targets=Histogram.of(target[cloth & band]),
        reliability=Reliability.of(predicted, target),
        cloth_reliability=Reliability.of(predicted[cloth], target[cloth]),
        looseness=(int(dressed.sum()) - body_area) / body_area if body_area else None,
        azimuth_deg=azimuth_deg,
        bmi=bmi,
    )


def boundary_band(naked: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels within one sigma of the body's outline, inside it or outside.

    That is 4 pixels for a body of 256 (`person_sigma`), and at least one. A pixel's distance is
    that to the nearest pixel on the outline's other side. The picture's own edge is no outline.

    Args:
        naked: (H, W) bool.
    """
    if naked.all() or not naked.any():
        return np.zeros(naked.shape, bool)
    distance = np.where(naked, distance_transform_edt(naked), distance_transform_edt(~naked))
    return distance <= max(1.0, person_sigma(naked))


def _mean(values: np.ndarray, where: np.ndarray) -> float:
    """NaN where there is nothing."""
    return float(values[where].mean(dtype=np.float64)) if where.any() else float("nan")


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two bool maps; 1 where both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def summarise_rendered(scores: Sequence[RenderedScore]) -> dict[str, dict[str, float]]:
    """Of the network and both baselines.

    Returns:
        `mae`, `mae_cloth`, `mae_band`: mean absolute errors over all pixels, those of cloth and
        those of the band; `iou_body`, `iou_target`: means over pictures.
    """
    pixels = np.array([score.pixels for score in scores])
    ious = np.mean([(score.iou_body, score.iou_target) for score in scores], 0)
    in_cloth, in_band = (
        total(getattr(score, name) for score in scores)
        for name in ("cloth_targets", "band_targets")
    )
    constant = median(in_cloth)
    cloth, band = (absolute_error(targets, constant) for targets in (in_cloth, in_band))
    sums = {
        NETWORK: np.nansum([score.mae for score in scores] * pixels, 0),
        DRESSED: np.nansum([score.mae_dressed for score in scores] * pixels, 0),
        CONSTANT: np.array([cloth, cloth, band]),
    }
    columns = (0, 1, 1 if constant > 0.5 else 2)
    names = ("mae", "mae_cloth", "mae_band", "iou_body", "iou_target")
    rows = {}
    for (who, errors), column in zip(sums.items(), columns, strict=True):
        means = errors / np.maximum(1, pixels.sum(0))
        rows[who] = dict(zip(names, [*means.tolist(), *ious[:, column].tolist()], strict=True))
    rows[CONSTANT]["constant"] = constant
    return rows


def cloth_ratio(summary: dict[str, dict[str, float]]) -> float:
    """The network's error in cloth over the better baseline's; NaN where a baseline has none."""
    baseline = min(summary[DRESSED]["mae_cloth"], summary[CONSTANT]["mae_cloth"])
    return summary[NETWORK]["mae_cloth"] / baseline if baseline else float("nan")


class PhotoScore(NamedTuple):
    """Of one labelled photo."""

    skin: float
    """Mean confidence on skin; NaN without any."""
    background: float
    """Mean confidence on null; NaN without any."""
    person_values: Histogram
    background_values: Histogram
    has_garment: bool
    """Whether any pixel is labelled as one of GARMENTS."""
    garment_edge: float
    """Mean confidence near the garment's outer edge; NaN where `garment_parts` finds none."""
    garment_middle: float
    """Mean confidence in its middle, likewise."""
    garment_far: float
    """Mean confidence on what of it is far from the limbs; NaN where `far_cloth` finds nothing."""


def score_photo(
    predicted: np.ndarray,
    skin: np.ndarray,
    background: np.ndarray,
    garment: np.ndarray,
    keypoints: np.ndarray | None = None,
) -> PhotoScore:
    """Compare a map with the labels.

    Args:
        predicted: (H, W) in [0, 1].
        skin: (H, W) bool.
        background: (H, W) bool, labelled `null`; the rest is the person.
        garment: (H, W) bool, labelled as one of GARMENTS.
        keypoints: (17, 3) of the person, or None where they are not known.
    """
    far = None if keypoints is None else far_cloth(garment, ~background, keypoints)
    edge, middle = garment_parts(garment, background) or (np.zeros_like(garment),) * 2

    return PhotoScore(
        skin=_mean(predicted, skin),
        background=_mean(predicted, background),
        person_values=Histogram.of(predicted[~background]),
        background_values=Histogram.of(predicted[background]),
        has_garment=bool(garment.any()),
        garment_edge=_mean(predicted, edge),
        garment_middle=_mean(predicted, middle),
        garment_far=float("nan") if far is None else _mean(predicted, far),
    )


class MaskScore(NamedTuple):
    """Of one photo with a mask of the person."""

    recall: float
    """Share of the person that the map has above 0.5."""
    mass_on_person: float
    """Share of the map's sum that lies on the person; 0 for an empty map."""
    iou: float
    """Of what the map has above 0.5 with the person."""
    person_share: float
    """Of the picture: IoU and mass of a map of 1 everywhere."""


def score_mask(predicted: np.ndarray, mask: np.ndarray) -> MaskScore:
    """Compare a map with a person's mask.

    Args:
        predicted: (H, W) in [0, 1].
        mask: (H, W) bool.
    """
    found, mass = predicted > 0.5, float(predicted.sum(dtype=np.float64))
    return MaskScore(
        recall=float(found[mask].mean()) if mask.any() else 1.0,
        mass_on_person=float(predicted[mask].sum(dtype=np.float64)) / mass if mass else 0.0,
        iou=iou(found, mask),
        person_share=float(mask.mean()),
    )
