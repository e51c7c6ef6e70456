"""Scores of one predictor on people and on photos, and everything that is made of them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from model.errors import InvalidInputError
from model.silhouette.predictor import SilhouettePredictor
from training.datasets.ccp import ClothingCoParsing
from training.datasets.people import PersonPhotos
from training.datasets.splits import Split
from training.engine.atomic import replacing, write_text
from training.reporting.partial_results import WHOLE, PartialResults, Shard
from training.reporting.tables import csv_text
from training.silhouette import reports, sheets
from training.silhouette.charts import breakdown_chart, reliability_chart
from training.silhouette.heldout import (
    FolderPeople,
    HeldOut,
    PeopleFromElsewhere,
    StreetPhotos,
    SyntheticPeople,
)
from training.silhouette.measure import (
    VERSION,
    measure,
    person_score,
    photo_score,
    rendered_score,
)
from training.silhouette.person_scores import PersonScore, person_report
from training.silhouette.photo_scores import PhotoScore
from training.silhouette.scores import RenderedScore
from training.silhouette.sources import spread


class Evaluation:
    """Scores of a predictor, and what is made of them."""

    def __init__(
        self,
        predictor: SilhouettePredictor,
        out: Path | None,
        shard: Shard = WHOLE,
        limit: int | None = None,
        batch_size: int = 16,
    ) -> None:
        """Measure nothing yet.

        Args:
            predictor: From a checkpoint.
            out: Folder that keeps rows; without one they last as long as this.
            shard: The part to measure.
            limit: So many pictures of each kind at most, spread evenly over all.
            batch_size: Pictures that the predictor is given at a time.
        """
        self._predictor = predictor
        self._folder = out / "rows" / _fingerprint(predictor) if out else None
        self._shard = shard
        self._limit = limit
        self._batch_size = batch_size
        self.report: dict[str, Any] = {}
        self.tables: dict[str, str] = {}
        """CSV by the file's stem."""
        self.sheets: dict[str, Callable[[], Image.Image]] = {}
        """Contact sheets likewise, drawn when called."""

    def measure_people(self, people: FolderPeople | SyntheticPeople) -> None:
        """Rendered people; a part of them goes into the folder and no further."""
        indices = self._chosen(people)
        rows = PartialResults(self._folder, "rendered", self._shard)
        size = self._batch_size
        measure(self._predictor, people, indices, rendered_score, rows, size, "rendered people")
        if self._shard.total > 1:
            return
        pictures = [
            reports.Rendered(key, RenderedScore.from_json(content))
            for key, content in _kept(rows, people, indices)
        ]
        self.report |= reports.rendered_report(pictures)
        self.tables["rendered"] = reports.rendered_csv(pictures)
        self.sheets["worst_rendered"] = lambda: sheets.rendered_sheet(
            self._predictor, people, indices, pictures
        )

    def measure_photos(self, dataset: ClothingCoParsing, split: Split) -> None:
        """Street photos, likewise."""
        street = StreetPhotos(dataset, split)
        indices = self._chosen(street)
        rows = PartialResults(self._folder, "photos", self._shard)
        score, size = photo_score(dataset), self._batch_size
        measure(self._predictor, street, indices, score, rows, size, "street photos")
        if self._shard.total > 1:
            return
        photos = [
            reports.Photo(key, PhotoScore.from_json(content))
            for key, content in _kept(rows, street, indices)
        ]
        self.report |= reports.photo_report(photos)
        self.tables["photos"] = reports.photo_csv(photos)
        self.sheets["worst_photos"] = lambda: sheets.photo_sheet(
            self._predictor, dataset, street, indices, photos
        )

    def measure_elsewhere(self, photos: PersonPhotos) -> None:
        """Photos of people from elsewhere, likewise."""
        people = PeopleFromElsewhere(photos)
        indices = self._chosen(people)
        rows = PartialResults(self._folder, "people", self._shard)
        size = self._batch_size
        measure(self._predictor, people, indices, person_score, rows, size, "people elsewhere")
        if self._shard.total > 1:
            return
        found = [(key, PersonScore(**content)) for key, content in _kept(rows, people, indices)]
        self.report |= {"people": person_report([score for _, score in found])}
        self.tables["people"] = csv_text([{"photo": key} | s.as_json() for key, s in found])

    def write(self, folder: Path, report: dict[str, Any]) -> None:
        """Tables, charts and contact sheets."""
        for stem, text in self.tables.items():
            write_text(folder / f"{stem}.csv", text)
        for stem, draw in self.sheets.items():
            with replacing(folder / f"{stem}.png") as temporary:
                draw().save(temporary)
        if "rendered" in report:
            charts = {
                "reliability": reliability_chart(report["calibration"]),
                "breakdown": breakdown_chart(report),
            }
            for stem, chart in charts.items():
                with replacing(folder / f"{stem}.png") as temporary:
                    chart.savefig(temporary, dpi=120)

    def _chosen(self, pictures: HeldOut[Any]) -> list[int]:
        everything = range(len(pictures))
        return self._shard.part(list(spread(everything, self._limit or len(everything))))


def _kept(
    rows: PartialResults, pictures: HeldOut[Any], indices: list[int]
) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for index in indices:
        key = pictures.key(index)
        content = rows.get(key, pictures.stamp(index))
        if content is None:
            raise InvalidInputError(f"{key} changed while it was measured; run the command again")
        found.append((key, content))
    return found


def _fingerprint(predictor: SilhouettePredictor) -> str:
    """Tells checkpoints apart, and what they are measured by."""
    assert predictor.header is not None
    parts = {"tensors": predictor.header.sha256, "config": predictor.header.config}
    text = json.dumps(parts | {"version": VERSION}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
