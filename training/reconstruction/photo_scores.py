"""Scores of street photos: whether the projected mesh lies on the person.

Photos of Clothing Co-Parsing, all of them held out from learning: `skin` and `hair` should be
covered by the mesh, and the mesh should lie on what is not `null`.

H W a photo's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from model.reconstruction.result import Reconstruction
from training.datasets.ccp import CcpPhoto
from training.datasets.ccp_kaggle import LabelledPhotos
from training.datasets.evaluation_pictures import LabelledStreetPhotos
from training.reconstruction.drawing import overlay, project, projected_mask
from training.reconstruction.estimating import Estimator
from training.reconstruction.whole_way import WholeWay
from training.reporting.scoring import SampleSet, Scored, WorstSheet
from training.reporting.standard_error import bootstrap_standard_errors
from training.reporting.tables import Table, number, with_error

HEIGHTS_M = tuple(np.linspace(1.5, 2.0, 6).tolist())
"""Given as the person's height one after the other: bodies must become taller each time."""
NUM_HEIGHTS = 20
"""Photos on which that is tried."""
SHOWN = 24
"""Photos on the sheet of the worst."""


class PhotoScore(NamedTuple):
    """Of one photo."""

    found: bool
    """Whether there was a person; else the shares are 0."""
    skin_covered: float
    """Share of the pixels of skin and hair that the mesh covers; NaN where none is labelled."""
    on_person: float
    """Share of the mesh's pixels in the photo that lie on the person."""
    taller_each_time: bool | None
    """Whether larger heights gave strictly taller bodies; None where it was not tried."""


class PhotoSight(NamedTuple):
    """What was found in a photo."""

    body: Reconstruction | None
    heights: list[float] | None
    """Of the bodies for `HEIGHTS_M`."""


@dataclass(frozen=True)
class StreetLooks:
    """Looks at photos; at the first ones with several heights too."""

    whole_way: WholeWay
    first: frozenset[int] = frozenset()
    """Numbers of the photos on which heights are tried."""

    def __call__(self, estimator: Estimator, photos: Sequence[CcpPhoto]) -> list[PhotoSight]:
        """All that is found in some photos."""
        bodies = self.whole_way(estimator, [photo.image for photo in photos])
        sights = []
        for photo, body in zip(photos, bodies, strict=True):
            heights = None
            if body is not None and photo.number in self.first:
                (view,) = self.whole_way.views([photo.image])
                assert view is not None
                heights = self.whole_way.heights(estimator, view, HEIGHTS_M)
            sights.append(PhotoSight(body, heights))
        return sights


def score_photo(
    body: Reconstruction | None,
    faces: np.ndarray,
    covered: np.ndarray,
    person: np.ndarray,
    heights: Sequence[float] | None = None,
) -> PhotoScore:
    """Compare a mesh with the labels.

    Args:
        body: In the photo; None where nobody was found.
        faces: (F, 3) of the mesh.
        covered: (H, W) bool: skin and hair.
        person: (H, W) bool: all that is not `null`.
        heights: Of bodies for `HEIGHTS_M`.
    """
    rising = None if heights is None else bool((np.diff(heights) > 0).all())
    if body is None:
        return PhotoScore(False, 0.0, 0.0, rising)
    size = (person.shape[0], person.shape[1])
    mesh = projected_mask(project(body.vertices, body.focal_px, body.centre_px), faces, size)
    return PhotoScore(
        True,
        float(mesh[covered].mean()) if covered.any() else float("nan"),
        float(person[mesh].mean()) if mesh.any() else 0.0,
        rising,
    )


def street_photos(
    dataset: LabelledPhotos, estimator: Estimator, whole_way: WholeWay
) -> SampleSet[CcpPhoto]:
    """The validation and test photos: the regressor learns from no photo and is chosen by none."""
    photos = LabelledStreetPhotos(dataset, "validation", "test")
    skin = [dataset.label_id(name) for name in ("skin", "hair") if name in dataset.label_names]
    null, faces = dataset.label_id("null"), estimator.body.faces
    first = frozenset(photos.numbers[:NUM_HEIGHTS])

    def score(photo: CcpPhoto, sight: PhotoSight) -> PhotoScore:
        masks = np.isin(photo.labels, skin), photo.labels != null
        return score_photo(sight.body, faces, *masks, sight.heights)

    def panels(photo: CcpPhoto, sight: PhotoSight) -> tuple[np.ndarray, ...]:
        if sight.body is None:
            return photo.image, photo.image // 3
        body = sight.body
        pixels = project(body.vertices, body.focal_px, body.centre_px)
        return photo.image, overlay(photo.image, body.vertices, faces, pixels)

    def caption(one: Scored) -> str:
        covered, on_person = one.score.skin_covered, one.score.on_person
        return f"{one.key}: skin {covered:.2f}, on person {on_person:.2f}"

    return SampleSet(
        "photos",
        "street photos",
        photos,
        PhotoScore,
        score,
        photo_report,
        WorstSheet(lambda s: s.skin_covered + s.on_person, caption, panels, most=SHOWN),
        ask=StreetLooks(whole_way, first=first),
    )


def photo_report(scored: Sequence[Scored]) -> dict[str, Any]:
    """Medians over photos with bootstrapped standard errors, and how often heights did their work.

    Photos without skin and hair do not count for the first.
    """
    scores: list[PhotoScore] = [one.score for one in scored]
    covered = np.array([s.skin_covered for s in scores])
    on_person = np.array([s.on_person for s in scores])

    def medians(times: np.ndarray) -> list[float]:
        drawn = np.repeat(np.arange(len(scores)), times)
        return [float(np.nanmedian(values[drawn])) for values in (covered, on_person)]

    found = medians(np.ones(len(scores), np.int64))
    errors = bootstrap_standard_errors(medians, range(len(scores)))
    tried = [s.taller_each_time for s in scores if s.taller_each_time is not None]
    return {
        "photos": {
            "photos": len(scores),
            "found": sum(s.found for s in scores),
            "median_skin_covered": found[0],
            "median_on_person": found[1],
            "standard_errors": {"skin_covered": errors[0], "on_person": errors[1]},
            "heights_tried": len(tried),
            "taller_each_time": sum(tried),
        }
    }


def photo_table(report: dict[str, Any]) -> Table:
    """Of `photo_report`."""
    photos = report["photos"]
    errors = photos["standard_errors"]
    rows = [
        ["photos", str(photos["photos"])],
        ["somebody found", str(photos["found"])],
        [
            "skin and hair covered by the mesh, median",
            with_error(photos["median_skin_covered"], errors["skin_covered"]),
        ],
        [
            "mesh on the person, median",
            with_error(photos["median_on_person"], errors["on_person"]),
        ],
        [
            f"bodies strictly taller for {number(HEIGHTS_M[0], 1)} to {number(HEIGHTS_M[-1], 1)} m",
            f"{photos['taller_each_time']} of {photos['heights_tried']}",
        ],
    ]
    return Table("Street photos", ["", "value"], rows)
