"""How pictures are scored, and their scores brought together: the report, CSV, the worst ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.silhouette.predictor import SilhouetteConfidence
from training.datasets.ccp import CcpPhoto
from training.datasets.evaluation_pictures import (
    LabelledStreetPhotos,
    PhotosWithMasks,
    RenderedFolders,
    RenderedPicture,
    SyntheticPeople,
)
from training.datasets.people import PersonPhoto
from training.reporting.calibration import Reliability
from training.reporting.scoring import SampleSet, Scored
from training.reporting.standard_error import (
    bootstrap_standard_errors,
    clustered_standard_error,
)
from training.reporting.tables import csv_text
from training.silhouette.metrics import (
    BinnedTotals,
    RenderedScore,
    RenderedTotals,
    cloth_ratio,
    looseness_name,
    score_rendered,
    view_name,
)
from training.silhouette.photo_metrics import (
    GARMENTS,
    PersonScore,
    PhotoScore,
    PhotoTotals,
    score_person,
    score_photo,
)

NUM_WORST = 10


def rendered_people(people: RenderedFolders | SyntheticPeople) -> SampleSet[RenderedPicture]:
    """Rendered people, whose true silhouettes are known."""

    def score(picture: RenderedPicture, found: SilhouetteConfidence) -> RenderedScore:
        return score_rendered(found.confidence, picture.dressed, picture.naked, picture.azimuth_deg)

    return SampleSet(
        "rendered", "pictures of rendered people", people, score, RenderedScore.from_json
    )


def street_photos(photos: LabelledStreetPhotos) -> SampleSet[CcpPhoto]:
    """Photos with a label for every pixel."""
    dataset = photos.dataset
    skin, null = dataset.label_id("skin"), dataset.label_id("null")
    garments = [n for n, name in enumerate(dataset.label_names) if name in GARMENTS]

    def score(photo: CcpPhoto, found: SilhouetteConfidence) -> PhotoScore:
        worn = np.isin(photo.labels, garments)
        return score_photo(found.confidence, photo.labels == skin, photo.labels == null, worn)

    return SampleSet("photos", "street photos", photos, score, PhotoScore.from_json)


def photos_with_masks(photos: PhotosWithMasks) -> SampleSet[PersonPhoto]:
    """Photos with a mask of the dressed person."""

    def score(photo: PersonPhoto, found: SilhouetteConfidence) -> PersonScore:
        return score_person(found.confidence, photo.mask)

    return SampleSet(
        "people",
        "photos of people from elsewhere",
        photos,
        score,
        lambda content: PersonScore(**content),
    )


def rendered_report(pictures: Sequence[Scored]) -> dict[str, Any]:
    """Errors beside the baselines', over all and by looseness and view; calibration.

    Standard errors are those of the network's numbers, over people.
    """
    totals, binned = RenderedTotals(), BinnedTotals()
    everywhere, in_cloth = Reliability.empty(), Reliability.empty()
    for _, _, score in pictures:
        totals.add(score)
        binned.add(score)
        everywhere += score.reliability
        in_cloth += score.cloth_reliability
    summary = totals.summary()
    return {
        "rendered": summary,
        "rendered_pictures": len(pictures),
        "rendered_people": len({_subject_and_frame(key)[0] for _, key, _ in pictures}),
        "rendered_standard_errors": _standard_errors(pictures),
        "cloth_ratio": cloth_ratio(summary),
        "by_looseness": binned.by_looseness(),
        "by_view": binned.by_view(),
        "calibration": {
            name: {"ece": table.expected_calibration_error(), "bins": table.table()}
            for name, table in (("picture", everywhere), ("cloth", in_cloth))
        },
    }


def _standard_errors(pictures: Sequence[Scored]) -> dict[str, float]:
    people = [_subject_and_frame(key)[0] for _, key, _ in pictures]
    scores = [score for _, _, score in pictures]
    errors = np.array([score.network for score in scores])
    pixels = np.array([score.pixels for score in scores])

    def pooled(times: np.ndarray) -> list[float]:
        means: list[float] = ((times @ errors) / np.maximum(1, times @ pixels)).tolist()
        return means

    maes = bootstrap_standard_errors(pooled, people)
    return {
        **dict(zip(("mae", "mae_cloth", "mae_band"), maes, strict=True)),
        "iou_body": clustered_standard_error([s.iou_body.network for s in scores], people),
        "iou_target": clustered_standard_error([s.iou_target.network for s in scores], people),
    }


def photo_report(photos: Sequence[Scored]) -> dict[str, Any]:
    """Confidence by label over all photos, and which photos are the worst."""
    totals = PhotoTotals()
    for _, _, score in photos:
        totals.add(score)
    worst = [
        {"photo": key, "skin": score.skin, "background": score.background}
        for _, key, score in (photos[index] for index in worst_photos(photos))
    ]
    return {
        "photos": totals.summary(),
        "photo_standard_errors": totals.standard_errors(),
        "worst_photos": worst,
    }


def worst_rendered(pictures: Sequence[Scored]) -> list[int]:
    """Places of the pictures with the least IoU with the body, the worst first."""
    ranked = sorted(range(len(pictures)), key=lambda n: pictures[n].score.iou_body.network)
    return ranked[:NUM_WORST]


def worst_photos(photos: Sequence[Scored]) -> list[int]:
    """Places of the photos with the least contrast of skin and background, the worst first.

    Photos without skin or without background cannot be ranked and are left out.
    """
    ranked = sorted(
        (contrast, place)
        for place, (_, _, score) in enumerate(photos)
        if (contrast := score.contrast) is not None
    )
    return [place for _, place in ranked[:NUM_WORST]]


def rendered_csv(pictures: Sequence[Scored]) -> str:
    """A row for each picture; what is not known is left empty."""
    return csv_text([_rendered_row(key, score) for _, key, score in pictures])


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
        "mae": score.network.picture / pixels.picture,
        "mae_cloth": score.network.cloth / pixels.cloth if pixels.cloth else None,
        "mae_band": score.network.band / pixels.band if pixels.band else None,
        "iou_body": score.iou_body.network,
        "iou_target": score.iou_target.network,
        "ece": score.reliability.expected_calibration_error(),
        "dressed_mae": score.dressed.picture / pixels.picture,
        "dressed_mae_cloth": score.dressed.cloth / pixels.cloth if pixels.cloth else None,
        "dressed_mae_band": score.dressed.band / pixels.band if pixels.band else None,
        "dressed_iou_body": score.iou_body.dressed,
        "dressed_iou_target": score.iou_target.dressed,
        "body_iou_target": score.iou_target.body,
    }


def _subject_and_frame(key: str) -> tuple[str, str]:
    subject, _, frame = key.rpartition("/")
    return subject, frame


def photo_csv(photos: Sequence[Scored]) -> str:
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
            for _, key, score in photos
        ]
    )
