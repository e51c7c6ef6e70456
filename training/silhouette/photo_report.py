"""Numbers of street photos with a label for every pixel."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.reporting.histograms import area_under_curve, total
from training.reporting.scoring import Scored
from training.reporting.standard_error import bootstrap_standard_errors, clustered_standard_error
from training.reporting.tables import Table, with_error
from training.silhouette.metrics import PhotoScore

PHOTOS = {
    "median_skin": "confidence on skin, median",
    "median_background": "confidence on background, median",
    "auroc": "AUROC, person against background",
    "garment_edge_lower": "skirts, dresses, coats with a lower mean at the outer edge",
    "garment_photos": "photos that show both edge and middle of one",
    "garment_unclear": "photos that do not",
    "median_garment_edge": "confidence at that edge, median",
    "median_garment_middle": "confidence in that middle, median",
    "garment_far": "confidence on skirts, dresses, coats far from the limbs, mean",
    "garment_far_photos": "photos that show such cloth",
}
"""Words for them."""


def photo_report(scored: Sequence[Scored]) -> dict[str, Any]:
    """Numbers of labelled photos, NaN where none says anything, and standard errors of some.

    `median_skin` and `median_background` are medians over photos of a photo's mean confidence.
    `auroc` is over all pixels of all photos, person against background. `garment_edge_lower` is the
    share, of the photos with both parts of a garment (`garment_photos`), in which the mean
    confidence of the outer edge is below that of the middle; `garment_unclear` more photos show
    such a garment without both parts. `garment_far` is a mean over the
    `garment_far_photos` photos with cloth far from the limbs.
    """
    scores: list[PhotoScore] = [one.score for one in scored]
    skin, background = (
        np.array([getattr(score, name) for score in scores]) for name in ("skin", "background")
    )
    person, street = (
        np.array([total([getattr(score, name)]) for score in scores])
        for name in ("person_values", "background_values")
    )
    parts = np.array([(score.garment_edge, score.garment_middle) for score in scores])
    far = np.array([score.garment_far for score in scores])
    far = far[np.isfinite(far)]
    parts = parts[np.isfinite(parts).all(1)]
    lower = (parts[:, 0] < parts[:, 1]).astype(float)

    def medians_and_area(times: np.ndarray) -> list[float]:
        return [
            _median(np.repeat(skin, times)),
            _median(np.repeat(background, times)),
            area_under_curve(times @ person, times @ street),
        ]

    names = ("median_skin", "median_background", "auroc")
    errors = bootstrap_standard_errors(medians_and_area, range(len(scores)))
    summary = {
        "photos": len(scores),
        **dict(zip(names, medians_and_area(np.ones(len(scores), np.int64)), strict=True)),
        "garment_photos": len(parts),
        "garment_unclear": sum(score.has_garment for score in scores) - len(parts),
        "garment_edge_lower": float(lower.mean()) if len(parts) else float("nan"),
        "median_garment_edge": _median(parts[:, 0]),
        "median_garment_middle": _median(parts[:, 1]),
        "garment_far_photos": len(far),
        "garment_far": float(far.mean()) if len(far) else float("nan"),
    }
    found = dict(zip(names, errors, strict=True))
    for name, values in (("garment_edge_lower", lower), ("garment_far", far)):
        found[name] = clustered_standard_error(values.tolist(), range(len(values)))
    return {"photos": summary, "photo_standard_errors": found}


def _median(values: np.ndarray) -> float:
    """Of those that are numbers; NaN where none is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def photo_table(report: Mapping[str, Any]) -> Table:
    """Of a report with the numbers of photos."""
    photos, errors = report["photos"], report["photo_standard_errors"]
    cells = [
        [words, str(value) if isinstance(value, int) else with_error(value, errors.get(key))]
        for key, words in PHOTOS.items()
        for value in (photos[key],)
    ]
    title = f"{photos['photos']} street photos, {report['split']} split"
    return Table(title, ["", "network"], cells)
