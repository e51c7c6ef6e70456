"""Samples of the silhouette network: scenes of rendered people and photos, and their truth.

B batch, S side of the network's input, h w the size of the maps of people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from model.silhouette.predictor import preprocess
from training.datasets.photometry import vary
from training.engine.batches import SampleKey
from training.engine.seeding import sample_generator
from training.scenes.composition import background_view, group, quarter_turned, scene_size, view
from training.scenes.labelled_picture import (
    ALPHA,
    KNOWN,
    NAKED,
    OWNER,
    RGB,
    TARGET,
    WEIGHT,
    LabelledPicture,
)
from training.scenes.loading import load_nobody, load_pairs, load_photos, load_places, whole_people
from training.scenes.people_maps import PeopleMaps, people_maps
from training.scenes.sources import LabelledPictures, StreamedPeople
from training.silhouette.recipe import SilhouetteRecipe


class SilhouetteBatch(NamedTuple):
    """A batch of samples, or one sample without the first axis."""

    images: Tensor
    """(B, 3, S, S) in [0, 1]."""
    confidence: Tensor
    """(B, 1, S, S) in [0, 1]."""
    dressed: Tensor
    """(B, 1, S, S), 0 or 1."""
    naked: Tensor
    """(B, 1, S, S), 0 or 1."""
    weight: Tensor
    """(B, 1, S, S); 0 where the truth is not known."""
    is_photo: Tensor
    """(B,) bool: not everything is known."""
    heat: Tensor
    """(B, 18, h, w) in [0, 1], as the other three in `PeopleMaps`."""
    heat_known: Tensor
    """(B, 18, h, w) bool."""
    distances: Tensor
    """(B, 4, h, w)."""
    has_box: Tensor
    """(B, h, w) bool."""

    @property
    def people(self) -> PeopleMaps:
        """Truth of the maps of people."""
        return PeopleMaps(self.heat, self.heat_known, self.distances, self.has_box)


def to_sample(scene: LabelledPicture, input_size: int, body_weight: float = 1.0) -> SilhouetteBatch:
    """Through the predictor's own preprocessing; the truth goes the same way.

    The letterbox's border is known background.

    Args:
        scene: Of any size.
        input_size: Side of the network's input.
        body_weight: Of pixels that are known to be body where not everything is known.
    """
    image, letterbox = preprocess(np.ascontiguousarray(scene.layers[..., RGB]), input_size)
    known = scene.layers[..., WEIGHT] >= KNOWN
    is_photo = not known.all()
    weight = known.astype(np.float32)
    if is_photo:
        weight *= np.where(scene.layers[..., TARGET] > 127, np.float32(body_weight), np.float32(1))
    confidence = scene.layers[..., TARGET] / np.float32(255)
    # Who is labelled is known to the maps of people, whatever is known of their pixels.
    labelled = known | (scene.layers[..., OWNER] > 0)
    dressed, naked = scene.layers[..., ALPHA] >= 128, scene.layers[..., NAKED] >= 128
    truth = np.stack([confidence, dressed | naked, naked, weight, labelled]).astype(np.float32)
    layers = torch.from_numpy(truth)[:, None]
    inside, outside = letterbox.apply(layers[:3], fill=0.0), letterbox.apply(layers[3:], fill=1.0)
    (confidences, masks, bodies), (weights, everybody) = inside, outside
    back_scale, back_offset = letterbox.back()
    scale = 1 / back_scale[0], 1 / back_scale[1]
    offset = -back_offset[0] * scale[0], -back_offset[1] * scale[1]
    people = [person.moved(scale, offset) for person in scene.people]
    maps = people_maps(people, everybody[0].numpy() > 0.999)
    return SilhouetteBatch(
        image[0], confidences, masks, bodies, weights, torch.tensor(is_photo), *maps
    )


@dataclass(frozen=True)
class TrainingSamples(Dataset[SilhouetteBatch]):
    """A sample for every key; the key and the recipe's seed decide everything about it."""

    recipe: SilhouetteRecipe
    pairs: LabelledPictures
    photos: LabelledPictures | None = None
    places: LabelledPictures | None = None
    """Photos with their people painted over."""
    nobody: LabelledPictures | None = None
    """Pictures that never showed anybody."""
    whole_pairs: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Numbers of the pairs that show a whole person."""
    whole_photos: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Likewise of the photos."""

    @classmethod
    def load(cls, recipe: SilhouetteRecipe) -> "TrainingSamples":
        """Read, check and pack what the recipe names.

        Raises:
            FileNotFoundError: A folder or file is not there.
            InvalidInputError: The recipe does not fit its data.
            StorageError: The disk has not enough room.
        """
        pairs = load_pairs(recipe.data, False, recipe.seed)
        photos = load_photos(recipe.data, held_out=False)
        places, nobody = load_places(recipe.data, photos), load_nobody(recipe.data, recipe.seed)
        whole = whole_people(pairs), whole_people(photos)
        return cls(recipe, pairs, photos, places, nobody, *whole)

    def __getitem__(self, key: SampleKey) -> SilhouetteBatch:
        """Compose a scene, turn it by chance, change its colours."""
        rng = sample_generator(self.recipe.seed, key.index)
        scene = self._scene(key, rng)
        if rng.random() < self.recipe.scenes.quarter_fraction:
            scene = quarter_turned(scene, int(rng.integers(1, 4)))
        if rng.random() >= self.recipe.data.unvaried_fraction:
            layers = scene.layers.copy()
            image = np.ascontiguousarray(layers[..., RGB])
            layers[..., RGB] = vary(image, rng, self.recipe.colours)
            scene = LabelledPicture(layers, scene.people)
        return to_sample(scene, key.image_size, self.recipe.data.body_weight)

    def _scene(self, key: SampleKey, rng: np.random.Generator) -> LabelledPicture:
        data, settings, side = self.recipe.data, self.recipe.scenes, key.image_size
        if self.photos is None or self.places is None:
            return view(self._pair(key, rng), side, rng, settings)
        kind = rng.random() - data.photo_fraction
        if kind < 0:
            return view(_any_of(self.photos, rng), side, rng, settings)
        if kind < data.empty_fraction + data.group_fraction:
            size = scene_size(side, rng, settings)
            # Things that look like people are seen as often as streets.
            of_nobody = self.nobody is not None and rng.random() < 0.5
            source = self.nobody if self.nobody is not None and of_nobody else self.places
            place = background_view(_any_of(source, rng), size, rng, settings)
            if kind < data.empty_fraction:
                return place
            return group(place, self._people(key, rng), rng, settings)
        return view(self._pair(key, rng), side, rng, settings)

    def _pair(self, key: SampleKey, rng: np.random.Generator) -> LabelledPicture:
        """Any rendered person; the next one of a stream, in which a person is dressed once."""
        if isinstance(self.pairs, StreamedPeople):
            return self.pairs[key.index % len(self.pairs)]
        return _any_of(self.pairs, rng)

    def _people(self, key: SampleKey, rng: np.random.Generator) -> list[LabelledPicture]:
        """One person, or several."""
        assert self.photos is not None
        most = self.recipe.scenes.most_people
        count = 1 if rng.random() < 0.5 or most < 2 else int(rng.integers(2, most + 1))
        people = []
        for _ in range(count):
            cutout = rng.random() < self.recipe.data.cutout_fraction and len(self.whole_photos)
            if cutout:
                people.append(self.photos[int(rng.choice(self.whole_photos))])
            elif len(self.whole_pairs):
                people.append(self.pairs[int(rng.choice(self.whole_pairs))])
            elif not people:
                # A stream renders one person for each key.
                people.append(self._pair(key, rng))
        return people


def _any_of(pictures: LabelledPictures, rng: np.random.Generator) -> LabelledPicture:
    return pictures[int(rng.integers(len(pictures)))]


@dataclass(frozen=True)
class ValidationSamples(Dataset[SilhouetteBatch]):
    """Held-out pictures, whole and unchanged: one source behind the other."""

    sources: Sequence[LabelledPictures]
    image_size: int

    def __len__(self) -> int:
        return sum(len(source) for source in self.sources)

    def __getitem__(self, number: int) -> SilhouetteBatch:
        """By number."""
        for source in self.sources:
            if number < len(source):
                return to_sample(source[number], self.image_size)
            number -= len(source)
        raise IndexError(f"there are {len(self)} samples")
