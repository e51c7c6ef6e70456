"""From held-out samples to a score for each: batches, resumed where an earlier run stopped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from tqdm import tqdm

from model.errors import InvalidInputError
from training.reporting.partial_results import PartialResults
from training.reporting.read_ahead import read_ahead


class Pictured(Protocol):
    """An item with a picture."""

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""


class Score(Protocol):
    """One that can be kept."""

    def as_json(self) -> dict[str, Any]:
        """Plain lists and numbers."""


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


@dataclass(frozen=True)
class SampleSet(Generic[Item]):
    """Samples of one kind, and how a prediction for one of them is scored."""

    name: str
    """Stem of its files."""
    description: str
    samples: Samples[Item]
    score: Callable[[Item, Any], Score]
    """The score of an item's prediction."""
    read_score: Callable[[dict[str, Any]], Any]
    """A score from what its `as_json` gave."""

    def measure(
        self,
        predictor: Predictor,
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
        stamps = {index: samples.stamp(index) for index in indices}
        missing = [i for i in indices if results.get(samples.key(i), stamps[i]) is None]
        batches = [missing[i : i + batch_size] for i in range(0, len(missing), batch_size)]
        done = len(indices) - len(missing)
        with tqdm(total=len(indices), initial=done, desc=self.description, unit="picture") as bar:
            items_of = read_ahead(samples.__getitem__, batches)
            for batch, items in zip(batches, items_of, strict=True):
                predictions = predictor.predict_batch([item.image for item in items])
                for index, item, prediction in zip(batch, items, predictions, strict=True):
                    found = self.score(item, prediction).as_json()
                    results.append(samples.key(index), stamps[index], found)
                    bar.update()

    def scores(self, indices: Sequence[int], results: PartialResults) -> list[Scored]:
        """What was measured, in the order of the indices.

        Raises:
            InvalidInputError: A sample has changed since.
        """
        found = []
        for index in indices:
            key = self.samples.key(index)
            content = results.get(key, self.samples.stamp(index))
            if content is None:
                raise InvalidInputError(f"{key} changed while it was measured; run it again")
            found.append(Scored(index, key, self.read_score(content)))
        return found
