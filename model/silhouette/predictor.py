"""Pictures in, confidence maps out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from model.checkpoint import CheckpointHeader
from model.errors import InvalidInputError
from model.image import Letterbox
from model.picture_predictor import PicturePredictor, save_network
from model.silhouette.architectures import (
    ARCHITECTURES,
    SilhouetteNetwork,
    architecture_of,
    build,
)
from model.silhouette.crops import Crop, crops_of, seen_again
from model.silhouette.inference import (
    TOLERANCE,
    InferenceNetwork,
    apart,
    split_maps,
)
from model.silhouette.lite import PEOPLE_STRIDE, LiteConfig
from model.silhouette.people import (
    LEAST_SCORE,
    Person,
    distinct,
    find_people,
    near,
)
from model.staging import MapsOnTheWay, PreparedBatch, preprocess

__all__ = [
    "ARCHITECTURES",
    "SilhouetteConfidence",
    "SilhouettePredictor",
    "preprocess",
    "save_silhouette_checkpoint",
]


@dataclass(frozen=True)
class SilhouetteConfidence:
    """A confidence map."""

    confidence: Float32[np.ndarray, "H W"]
    """In [0, 1], at the picture's own size."""
    people: tuple[Person, ...] | None = None
    """Those of highest score first; None if the network does not look for them."""

    def near_people(self) -> Bool[np.ndarray, "H W"]:
        """Pixels in or near the box of a person.

        All where the network does not look for people, or only doubts that somebody is there.
        """
        if self.people is None or (not self.people and self.confidence.any()):
            return np.ones(self.confidence.shape, bool)
        return near(self.people, (self.confidence.shape[0], self.confidence.shape[1]))

    def of_largest(self) -> "SilhouetteConfidence":
        """Of the person with the largest box alone: 0 away from it; 0 everywhere without people.

        Raises:
            InvalidInputError: The network does not look for people.
        """
        if self.people is None:
            raise InvalidInputError(
                "this checkpoint does not look for people; people=all is needed"
            )
        largest = sorted(self.people, key=lambda person: person.size[0] * person.size[1])[-1:]
        size = (self.confidence.shape[0], self.confidence.shape[1])
        shown = np.where(near(largest, size), self.confidence, np.float32(0))
        return SilhouetteConfidence(shown, tuple(largest))


class SilhouettePredictor(
    PicturePredictor[SilhouetteNetwork, InferenceNetwork, SilhouetteConfidence]
):
    """A silhouette network with the way from pictures and back around it."""

    ARCHITECTURES = ARCHITECTURES
    TOLERANCE = TOLERANCE
    apart = staticmethod(apart)

    @property
    def finds_people(self) -> bool:
        """Whether the network has a head for people."""
        return isinstance(self.config, LiteConfig) and self.config.head_width > 0

    @staticmethod
    def rebuilt(header: CheckpointHeader) -> SilhouetteNetwork:
        """The network that a header describes."""
        return build(header.architecture, header.config["network"])

    @staticmethod
    def served(network: SilhouetteNetwork, dtype: torch.dtype) -> InferenceNetwork:
        """PyTorch's copy in one format."""
        return InferenceNetwork(network, dtype)

    def run_batch(self, prepared: PreparedBatch) -> MapsOnTheWay:
        """The network on whole pictures, then on crops of the people who are small in them."""
        first = super().run_batch(prepared)
        if not self.finds_people:
            return first
        people = people_of(first.arrived(), first.letterboxes)
        crops = [
            crop
            for index, (found, letterbox) in enumerate(zip(people, first.letterboxes, strict=True))
            for crop in crops_of(found, letterbox.source, index)
        ]
        most = len(prepared.images)
        second = [
            super(SilhouettePredictor, self).run_batch(
                self.prepare_batch(
                    [crop.of(prepared.images[crop.picture]) for crop in crops[start : start + most]]
                )
            )
            for start in range(0, len(crops), most)
        ]
        return TwoPasses(first.maps, first.letterboxes, first.sent, people, crops, second)

    def finish_batch(self, raw: MapsOnTheWay) -> list[SilhouetteConfidence]:
        """The maps at the sizes of their pictures, 0 where nobody is, and people in pixels."""
        with torch.inference_mode():
            maps = _inverted(raw)
            if not isinstance(raw, TwoPasses):
                return [SilhouetteConfidence(confidence) for confidence in maps]
            crops, people_in = iter(raw.crops), [list(people) for people in raw.people]
            for seen in raw.second:
                found = people_of(seen.arrived(), seen.letterboxes)
                for confidence, people in zip(_inverted(seen), found, strict=True):
                    crop = next(crops)
                    part = crop.of(maps[crop.picture])
                    np.maximum(part, confidence, out=part)
                    known = people_in[crop.picture]
                    offset = (float(crop.left), float(crop.top))
                    moved = [person.moved((1.0, 1.0), offset) for person in people]
                    known[crop.person] = seen_again(known[crop.person], moved)
            results = []
            for confidence, people in zip(maps, people_in, strict=True):
                if not people:
                    confidence.fill(0)
                listed = tuple(one for one in distinct(people) if one.score >= LEAST_SCORE)
                results.append(SilhouetteConfidence(confidence, listed))
            return results


@dataclass(frozen=True)
class TwoPasses(MapsOnTheWay):
    """Maps of whole pictures, and of crops of the people who are small in them."""

    people: list[list[Person]]
    """Of each picture, in its pixels, those of highest score first, the doubtful ones too."""
    crops: list[Crop]
    second: list[MapsOnTheWay]
    """Of the crops, in order."""


def people_of(
    joined: Float[Tensor, "B C h w"], letterboxes: Sequence[Letterbox]
) -> list[list[Person]]:
    """The people of each picture, in its pixels, the doubtful ones too.

    Args:
        joined: The confidence and the maps of people in one tensor.
        letterboxes: How each picture lies in the network's input.
    """
    _, maps = split_maps(joined)
    assert maps is not None
    return [
        [
            person.moved(*letterbox.back()).inside(*letterbox.source)
            for person in find_people(layers, PEOPLE_STRIDE)
        ]
        for layers, letterbox in zip(maps.numpy(), letterboxes, strict=True)
    ]


def _inverted(raw: MapsOnTheWay) -> list[Float32[np.ndarray, "H W"]]:
    """Confidence maps at the sizes of their pictures."""
    maps, _ = split_maps(raw.arrived())
    return [
        # Interpolation may leave [0, 1] by a rounding error.
        letterbox.invert(maps[index : index + 1])[0, 0].clamp(0, 1).numpy()
        for index, letterbox in enumerate(raw.letterboxes)
    ]


def save_silhouette_checkpoint(
    path: Path, network: SilhouetteNetwork, input_size: int, header: CheckpointHeader
) -> None:
    """Write what `SilhouettePredictor.from_checkpoint` reads; weights are kept in half precision.

    Args:
        path: Where to.
        network: Its weights, on any device.
        input_size: Side of the square that pictures are letterboxed to.
        header: `architecture` and `config` are filled in here.

    Raises:
        ValueError: A weight is not finite in half precision.
    """
    save_network(path, network, architecture_of(network), network.config, input_size, header)
