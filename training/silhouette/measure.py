"""From held-out pictures to a score for each: batches, resumed where an earlier run stopped."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from tqdm import tqdm

from model.silhouette.predictor import SilhouetteConfidence
from training.datasets.ccp import CcpPhoto, ClothingCoParsing
from training.datasets.people import PersonPhoto
from training.reporting.partial_results import PartialResults
from training.reporting.read_ahead import read_ahead
from training.silhouette.heldout import HeldOut, RenderedPicture
from training.silhouette.person_scores import PersonScore, score_person
from training.silhouette.photo_scores import GARMENTS, PhotoScore, score_photo
from training.silhouette.scores import RenderedScore, score_rendered

VERSION = 2
"""Raised when a score of the same map would come out differently."""


class Predictor(Protocol):
    """What is measured."""

    def predict_batch(self, images: Sequence[np.ndarray]) -> list[SilhouetteConfidence]:
        """A map for each picture."""


class Pictured(Protocol):
    """An item with a picture."""

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""


class Score(Protocol):
    """One that can be kept."""

    def as_json(self) -> dict[str, Any]:
        """Plain lists and numbers."""


Item = TypeVar("Item", bound=Pictured)


def rendered_score(picture: RenderedPicture, confidence: np.ndarray) -> RenderedScore:
    """Of a rendered person."""
    return score_rendered(confidence, picture.dressed, picture.naked, picture.azimuth_deg)


def photo_score(dataset: ClothingCoParsing) -> Callable[[CcpPhoto, np.ndarray], PhotoScore]:
    """The score of a dataset's photos."""
    skin, null = dataset.label_id("skin"), dataset.label_id("null")
    garments = [n for n, name in enumerate(dataset.label_names) if name in GARMENTS]

    def score(photo: CcpPhoto, confidence: np.ndarray) -> PhotoScore:
        worn = np.isin(photo.labels, garments)
        return score_photo(confidence, photo.labels == skin, photo.labels == null, worn)

    return score


def person_score(picture: PersonPhoto, confidence: np.ndarray) -> PersonScore:
    """Of a photo with a person's mask."""
    return score_person(confidence, picture.mask)


def measure(
    predictor: Predictor,
    pictures: HeldOut[Item],
    indices: Sequence[int],
    score: Callable[[Item, np.ndarray], Score],
    rows: PartialResults,
    batch_size: int,
    description: str,
) -> None:
    """Score those pictures that have no row yet.

    The next batch is read, or rendered, while the network works on this one.

    Args:
        predictor: Whose maps are scored.
        pictures: All there are.
        indices: Which of them.
        score: What a map is worth.
        rows: Where scores go.
        batch_size: Pictures that the predictor is given at a time.
        description: For the progress bar.
    """
    stamps = {index: pictures.stamp(index) for index in indices}
    missing = [i for i in indices if rows.get(pictures.key(i), stamps[i]) is None]
    bar = tqdm(
        total=len(indices), initial=len(indices) - len(missing), desc=description, unit="picture"
    )
    batches = [missing[i : i + batch_size] for i in range(0, len(missing), batch_size)]
    with bar:
        for batch, items in zip(batches, read_ahead(pictures.__getitem__, batches), strict=True):
            maps = predictor.predict_batch([item.image for item in items])
            for index, item, result in zip(batch, items, maps, strict=True):
                found = score(item, result.confidence).as_json()
                rows.append(pictures.key(index), stamps[index], found)
                bar.update()
