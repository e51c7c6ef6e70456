"""From held-out samples to a score for each: batches, resumed where an earlier run stopped."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from PIL import Image
from pydantic import TypeAdapter
from tqdm import tqdm

from model.errors import InvalidInputError
from training.reporting.contact_sheet import Tile, contact_sheet
from training.reporting.partial_results import PartialResults
from training.reporting.read_ahead import read_ahead


class Pictured(Protocol):
    """An item with a picture."""

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""


class Predictor(Protocol):
    """What is measured."""

    def predict_batch(self, images: Sequence[np.ndarray], /) -> Sequence[Any]:
        """A result for each picture."""


Item = TypeVar("Item", bound=Pictured)
Item_co = TypeVar("Item_co", bound=Pictured, covariant=True)


class Samples(Protocol[Item_co]):
    """Held-out samples by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Item_co: ...

    def key(self, index: int, /) -> str:
        """Names the sample; what follows the last slash is a frame's or a photo's number."""

    def stamp(self, index: int, /) -> str:
        """Another one means that the sample under this key may have changed."""


class Scored(NamedTuple):
    """A sample's place in its set, its key and its score."""

    number: int
    key: str
    score: Any


def flat_row(score: Any, prefix: str = "") -> dict[str, Any]:
    """A score's numbers by name; those of an inner NamedTuple with the outer name before theirs."""
    row: dict[str, Any] = {}
    for name, value in score._asdict().items():
        if isinstance(value, tuple):
            row |= flat_row(value, f"{prefix}{name}_")
        elif value is None or isinstance(value, str | int | float):
            row[prefix + name] = value
    return row


class WorstSheet(NamedTuple):
    """Which samples of a set its contact sheet shows, and how."""

    quality: Callable[[Any], float]
    """Of a score; the lowest are shown. NaN is not ranked."""
    caption: Callable[[Scored], str]
    panels: Callable[[Any, Any], tuple[np.ndarray, ...]]
    """Pictures of a sample and its prediction, each (H, W, 3) uint8."""
    finish: Callable[[Image.Image], Image.Image] = lambda sheet: sheet
    """What else the sheet needs, such as a legend."""
    most: int = 10
    """Samples on it."""

    def worst(self, scored: Sequence[Scored]) -> list[Scored]:
        """The lowest first."""
        qualities = [self.quality(one.score) for one in scored]
        ranked = [place for place, quality in enumerate(qualities) if math.isfinite(quality)]
        return [scored[place] for place in sorted(ranked, key=qualities.__getitem__)[: self.most]]


def ask_by_pictures(predictor: Predictor, items: Sequence[Pictured]) -> Sequence[Any]:
    """A prediction for each item, from its picture alone."""
    return predictor.predict_batch([item.image for item in items])


@dataclass(frozen=True)
class SampleSet(Generic[Item]):
    """Samples of one kind, and what is reported of them."""

    name: str
    """Stem of its files."""
    description: str
    samples: Samples[Item]
    kind: type
    """Of the scores: a NamedTuple of plain values and of types like `Histogram`."""
    score: Callable[[Item, Any], Any]
    """The score of an item's prediction."""
    report: Callable[[Sequence[Scored]], dict[str, Any]]
    """Numbers over all of them."""
    sheet: WorstSheet | None = None
    ask: Callable[[Any, Sequence[Item]], Sequence[Any]] = ask_by_pictures
    """A prediction for each item, from a predictor and the items."""

    def measure(
        self,
        predictor: Any,
        indices: Sequence[int],
        results: PartialResults,
        batch_size: int,
    ) -> None:
        """Score those samples that have no score yet.

        The next batch is read, or rendered, while the network works on this one.

        Args:
            predictor: Whose predictions are scored.
            indices: Of the samples.
            results: Where scores go.
            batch_size: Samples that the predictor is given at a time.
        """
        samples = self.samples
        scores: TypeAdapter[Any] = TypeAdapter(self.kind)
        stamps = {index: samples.stamp(index) for index in indices}
        missing = [i for i in indices if results.get(samples.key(i), stamps[i]) is None]
        batches = [missing[i : i + batch_size] for i in range(0, len(missing), batch_size)]
        done = len(indices) - len(missing)
        with tqdm(total=len(indices), initial=done, desc=self.description, unit="picture") as bar:
            items_of = read_ahead(samples.__getitem__, batches)
            for batch, items in zip(batches, items_of, strict=True):
                predictions = self.ask(predictor, items)
                for index, item, prediction in zip(batch, items, predictions, strict=True):
                    content = scores.dump_python(self.score(item, prediction), mode="json")
                    results.append(samples.key(index), stamps[index], content)
                    bar.update()

    def scores(self, indices: Sequence[int], results: PartialResults) -> list[Scored]:
        """What was measured, in the order of the indices.

        Raises:
            InvalidInputError: A sample has changed since.
        """
        found = []
        scores: TypeAdapter[Any] = TypeAdapter(self.kind)
        for index in indices:
            key = self.samples.key(index)
            content = results.get(key, self.samples.stamp(index))
            if content is None:
                raise InvalidInputError(f"{key} changed while it was measured; run it again")
            found.append(Scored(index, key, scores.validate_python(content)))
        return found

    def worst_sheet(self, predictor: Any, scored: Sequence[Scored]) -> Image.Image:
        """Contact sheet of the samples with the lowest scores."""
        assert self.sheet is not None
        tiles = []
        for one in self.sheet.worst(scored):
            item = self.samples[one.number]
            (prediction,) = self.ask(predictor, [item])
            tiles.append(Tile(self.sheet.caption(one), self.sheet.panels(item, prediction)))
        return self.sheet.finish(contact_sheet(tiles))
