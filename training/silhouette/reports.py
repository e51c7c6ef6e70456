"""Scores of all pictures, brought together: the report, the tables, the worst ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from training.reporting.standard_error import clustered_standard_error
from training.reporting.tables import csv_text
from training.silhouette.breakdown import Breakdown, looseness_name, view_name
from training.silhouette.calibration import Reliability
from training.silhouette.photo_scores import PhotoScore, PhotoTotals
from training.silhouette.scores import RenderedScore, RenderedTotals, cloth_ratio

NUM_WORST = 10


class Rendered(NamedTuple):
    """A rendered picture's key and score."""

    key: str
    score: RenderedScore


class Photo(NamedTuple):
    """A photo's key and score."""

    key: str
    score: PhotoScore


def rendered_report(pictures: Sequence[Rendered]) -> dict[str, Any]:
    """Errors beside the baselines', over all and by looseness and view; calibration.

    The standard error of the network's overlap is over people.
    """
    totals, breakdown = RenderedTotals(), Breakdown()
    everywhere, in_cloth = Reliability.empty(), Reliability.empty()
    for _, score in pictures:
        totals.add(score)
        breakdown.add(score)
        everywhere += score.reliability
        in_cloth += score.cloth_reliability
    summary = totals.summary()
    return {
        "rendered": summary,
        "rendered_pictures": len(pictures),
        "overlap_standard_error": clustered_standard_error(
            [score.overlaps.network for _, score in pictures],
            [_subject_and_frame(key)[0] for key, _ in pictures],
        ),
        "cloth_ratio": cloth_ratio(summary),
        "by_looseness": breakdown.by_looseness(),
        "by_view": breakdown.by_view(),
        "calibration": {
            name: {"ece": table.expected_calibration_error(), "bins": table.table()}
            for name, table in (("picture", everywhere), ("cloth", in_cloth))
        },
    }


def photo_report(photos: Sequence[Photo]) -> dict[str, Any]:
    """Confidence by label over all photos, and which photos are the worst."""
    totals = PhotoTotals()
    for _, score in photos:
        totals.add(score)
    worst = [
        {"photo": key, "skin": score.skin, "background": score.background}
        for key, score in (photos[index] for index in worst_photos(photos))
    ]
    return {"photos": totals.summary(), "worst_photos": worst}


def worst_rendered(pictures: Sequence[Rendered]) -> list[int]:
    """Places of the pictures with the least overlap, the worst first."""
    ranked = sorted(range(len(pictures)), key=lambda n: pictures[n].score.overlaps.network)
    return ranked[:NUM_WORST]


def worst_photos(photos: Sequence[Photo]) -> list[int]:
    """Places of the photos with the least contrast of skin and background, the worst first.

    Photos without skin or without background cannot be ranked and are left out.
    """
    ranked = sorted(
        (contrast, place)
        for place, (_, score) in enumerate(photos)
        if (contrast := score.contrast) is not None
    )
    return [place for _, place in ranked[:NUM_WORST]]


def rendered_csv(pictures: Sequence[Rendered]) -> str:
    """A row for each picture; what is not known is left empty."""
    return csv_text([_rendered_row(key, score) for key, score in pictures])


def _rendered_row(key: str, score: RenderedScore) -> dict[str, Any]:
    subject, frame = _subject_and_frame(key)
    pixels = score.pixels
    return {
        "subject": subject,
        "frame": frame,
        "looseness": score.looseness,
        "looseness_bin": looseness_name(score),
        "azimuth_deg": score.azimuth_deg,
        "view": view_name(score),
        "cloth_pixels": int(pixels.cloth),
        "mean_error": score.network.picture / pixels.picture,
        "cloth_error": score.network.cloth / pixels.cloth if pixels.cloth else None,
        "band_error": score.network.band / pixels.band if pixels.band else None,
        "overlap": score.overlaps.network,
        "ece": score.reliability.expected_calibration_error(),
        "dressed_mean_error": score.dressed.picture / pixels.picture,
        "dressed_cloth_error": score.dressed.cloth / pixels.cloth if pixels.cloth else None,
        "dressed_band_error": score.dressed.band / pixels.band if pixels.band else None,
        "dressed_overlap": score.overlaps.dressed,
        "body_overlap": score.overlaps.body,
    }


def _subject_and_frame(key: str) -> tuple[str, str]:
    subject, _, frame = key.rpartition("/")
    return subject, frame


def photo_csv(photos: Sequence[Photo]) -> str:
    """A row for each photo; what is not known is left empty."""
    return csv_text(
        [
            {
                "photo": key,
                "skin": score.skin,
                "background": score.background,
                "contrast": score.contrast,
                "garment_edge": score.garment_edge,
                "garment_middle": score.garment_middle,
            }
            for key, score in photos
        ]
    )
