"""Samples of the silhouette network: pictures as the predictor sees them, with their truth.

B batch, S side of the network's input.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from model.silhouette.predictor import preprocess
from training.datasets.photometry import vary
from training.engine.batches import SampleKey
from training.engine.seeding import sample_generator
from training.silhouette.compositing import (
    BodyWeights,
    Scene,
    empty_scene,
    known_scene,
    own_background_scene,
    photo_scene,
    street_scene,
    whole_scene,
)
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.sources import Pictures, draw_pair


class SilhouetteBatch(NamedTuple):
    """Samples behind one another, or one of them without the first axis."""

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
    """(B,) bool."""


def to_sample(scene: Scene, input_size: int, is_photo: bool) -> SilhouetteBatch:
    """Through the predictor's own preprocessing; the truth goes the same way.

    The letterbox's border is background that is known.
    """
    image, letterbox = preprocess(scene.image, input_size)
    truth = np.stack([scene.confidence, scene.dressed, scene.naked, scene.weight]).astype(
        np.float32
    )
    layers = torch.from_numpy(truth)[:, None]
    confidence, dressed, naked = letterbox.apply(layers[:3], fill=0.0)
    (weight,) = letterbox.apply(layers[3:], fill=1.0)
    return SilhouetteBatch(image[0], confidence, dressed, naked, weight, torch.tensor(is_photo))


def strip_of(sample: SilhouetteBatch, width: int, rng: np.random.Generator) -> SilhouetteBatch:
    """So many columns of a sample, with as much of the body as they can hold.

    Rendered people fill a third of their picture's width, and what is hard lies on them: a strip
    half as wide as the picture costs half as much and mostly holds the whole body. The networks are
    convolutional and serve whole pictures afterwards; a last stage should show them some.

    Args:
        sample: Without the batch's axis, its layers S pixels wide.
        width: Of the strip, at most S.
        rng: Of this sample. It chooses among the places where a strip shows the whole body or, of a
            wider one, does not leave it.
    """
    room = sample.naked.shape[-1] - width
    columns = np.flatnonzero(sample.naked[0].numpy().any(0))
    first, last = (columns[0], columns[-1] + 1) if len(columns) else (0, room + width)
    bounds = sorted((int(np.clip(first, 0, room)), int(np.clip(last - width, 0, room))))
    start = int(rng.integers(bounds[0], bounds[1] + 1))
    *layers, is_photo = sample
    cut = [layer[..., start : start + width].contiguous() for layer in layers]
    return SilhouetteBatch._make([*cut, is_photo])


@dataclass(frozen=True)
class TrainingSamples(Dataset[SilhouetteBatch]):
    """A sample for every key; the key and the recipe's seed decide everything about it."""

    recipe: SilhouetteRecipe
    pairs: Pictures
    photos: Pictures | None

    def __getitem__(self, key: SampleKey) -> SilhouetteBatch:
        """Choose a picture, place it, change its colours; take a strip of it where that is all."""
        rng = sample_generator(self.recipe.seed, key.index)
        sample = self._whole(key, rng)
        return sample if key.strip is None else strip_of(sample, key.strip, rng)

    def _whole(self, key: SampleKey, rng: np.random.Generator) -> SilhouetteBatch:
        # A recipe without unchanged pictures draws the numbers that it drew before there were any.
        unchanged = self.recipe.data.unchanged_fraction
        if unchanged and rng.random() < unchanged:
            scene = whole_scene(draw_pair(self.pairs, key.index, rng))
            scene = scene.mirrored() if rng.random() < 0.5 else scene
            return to_sample(scene, key.image_size, is_photo=False)
        scene, is_photo = self._scene(key, rng)
        if rng.random() < 0.5:
            scene = scene.mirrored()
        varied = vary(scene.image, rng, self.recipe.augmentation)
        return to_sample(dataclasses.replace(scene, image=varied), key.image_size, is_photo)

    def _scene(self, key: SampleKey, rng: np.random.Generator) -> tuple[Scene, bool]:
        data, settings, side = self.recipe.data, self.recipe.augmentation, key.image_size
        if self.photos is None:
            pair = draw_pair(self.pairs, key.index, rng)
            return own_background_scene(pair, side, rng, settings), False
        photo = self.photos[int(rng.integers(len(self.photos)))]
        kind = rng.random()
        if kind < data.photo_fraction:
            weights = BodyWeights(data.skin_weight, data.bone_weight)
            return photo_scene(photo, side, rng, settings, weights), True
        if kind < data.photo_fraction + data.empty_fraction:
            return empty_scene(photo, side, rng, settings), False
        pair = draw_pair(self.pairs, key.index, rng)
        if rng.random() < data.street_fraction:
            return street_scene(pair, photo, side, rng, settings), False
        return own_background_scene(pair, side, rng, settings), False


@dataclass(frozen=True)
class ValidationSamples:
    """Held-out pictures, whole and unchanged: rendered ones first, then photos."""

    pairs: Pictures
    photos: Pictures | None
    image_size: int

    def __len__(self) -> int:
        return len(self.pairs) + (len(self.photos) if self.photos is not None else 0)

    def __getitem__(self, number: int) -> SilhouetteBatch:
        """By number."""
        if number < len(self.pairs):
            return to_sample(whole_scene(self.pairs[number]), self.image_size, is_photo=False)
        assert self.photos is not None
        photo = self.photos[number - len(self.pairs)]
        image = np.ascontiguousarray(photo[..., :3])
        # Judged are skin and background alone.
        scene = known_scene(image, photo[..., 3], BodyWeights(skin=1.0))
        return to_sample(scene, self.image_size, is_photo=True)

    def batches(self, batch_size: int) -> Iterator[SilhouetteBatch]:
        """All of them, in order."""
        for first in range(0, len(self), batch_size):
            samples = [self[i] for i in range(first, min(first + batch_size, len(self)))]
            yield SilhouetteBatch(*(torch.stack(layer) for layer in zip(*samples, strict=True)))
