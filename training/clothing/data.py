"""Samples of the clothing networks: photos with a label for every pixel.

B batch, S height of the samples, W their width, H W a photo's size.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from model.clothing.labels import GROUP_OF, GROUPED
from model.image import FILL, Letterbox, bytes_to_floats, image_to_tensor
from training.clothing.recipe import Augmentation
from training.datasets.packed import PackedPictures
from training.datasets.photometry import vary
from training.engine.batches import SampleKey
from training.engine.seeding import sample_generator

UNKNOWN = 255
"""The label of pixels outside of the photo; the loss leaves them out."""
WIDTH_MULTIPLE = 32
GREY = round(FILL * 255)


class ClothingBatch(NamedTuple):
    """Samples behind one another, or one of them without the first axis."""

    images: Tensor
    """(B, 3, S, W) in [0, 1]."""
    labels: Tensor
    """(B, S, W) uint8 ids of the fine labels; 255 where none is known."""


def sample_size(height: int) -> tuple[int, int]:
    """(height, width) of samples: upright as street photos are, a third less to compute."""
    return height, WIDTH_MULTIPLE * max(1, round(height * 2 / 3 / WIDTH_MULTIPLE))


@dataclass(frozen=True)
class TrainingSamples(Dataset[ClothingBatch]):
    """A sample for every key; the key and the seed decide everything about it."""

    photos: PackedPictures
    repeats: np.ndarray
    """(N,) float64: how often each photo comes in a turn, on average; at least 1."""
    augmentation: Augmentation
    seed: int

    def __getitem__(self, key: SampleKey) -> ClothingBatch:
        """Choose a photo, place it, change its colours."""
        rng = sample_generator(self.seed, key.index)
        chosen = self.photos[place_of(key.index, self.repeats, self.seed)]
        layers = torch.from_numpy(np.array(chosen)).permute(2, 0, 1)
        size = sample_size(key.image_size)
        image, labels = place_at_random(layers[:3], layers[3:], size, rng, self.augmentation)
        varied = vary(image.permute(1, 2, 0).contiguous().numpy(), rng, self.augmentation)
        return ClothingBatch(image_to_tensor(varied)[0], labels[0])


def place_of(index: int, repeats: np.ndarray, seed: int) -> int:
    """Which photo a sample is made from: all of them in turn, each turn in another order.

    In a turn a photo comes as often as it repeats, rounded down or up by chance.

    Args:
        index: Number of the sample since the start of the run.
        repeats: (N,) how often each photo comes in a turn, on average; at least 1.
        seed: Of the run.
    """
    length = round(float(repeats.sum()))
    turn, place = divmod(index, length)
    # A third number: no sample has the same generator.
    rng = np.random.default_rng((seed, turn, 1))
    number = rng.permutation(length)[place]
    # Systematic sampling: points at equal distances, on the photos laid end to end.
    ends = np.cumsum(repeats)
    point = (number + rng.random()) * ends[-1] / length
    return min(int(np.searchsorted(ends, point, side="right")), len(repeats) - 1)


def photo_repeats(label_pixels: np.ndarray, threshold: float) -> np.ndarray:
    """(N,) float64: how often each photo comes while one with common groups alone comes once.

    With f the share of photos that have a group, it asks for sqrt(threshold / f) times each; a
    photo comes as often as the rarest of its groups asks, and at least once.

    Source: repeat factor sampling (Gupta, Dollar, Girshick, LVIS, CVPR 2019, section 4.1), here by
    groups instead of fine labels: of some of those there are but one or two photos.

    Args:
        label_pixels: (N, 59) pixels of each fine label in each photo.
        threshold: Groups that are in a larger share of the photos are common; 0 repeats nothing.
    """
    there = np.zeros((len(label_pixels), len(GROUPED)), bool)
    photos, labels = np.nonzero(label_pixels)
    there[photos, GROUP_OF[labels]] = True
    shares = np.maximum(there.sum(0), 1) / len(there)
    asked = np.sqrt(threshold / shares)
    repeats: np.ndarray = np.maximum(1.0, (there * asked).max(1))
    return repeats


def place_at_random(
    image: Tensor,
    labels: Tensor,
    size: tuple[int, int],
    rng: np.random.Generator,
    settings: Augmentation,
) -> tuple[Tensor, Tensor]:
    """A part of a photo, turned and mirrored by chance, and its labels alike.

    Args:
        image: (3, H, W) uint8.
        labels: (1, H, W) uint8.
        size: (height, width) of the sample.
        rng: Of this sample.
        settings: How far to go.
    """
    top, left, height, width = _random_window(image.shape[-2:], size, rng, settings)
    angle = float(rng.uniform(-settings.rotation_deg, settings.rotation_deg))
    mirrored = rng.random() < settings.flip_probability

    def placed(layer: Tensor, method: InterpolationMode, fill: float) -> Tensor:
        layer, (row, column) = _with_border(layer, (top, left, height, width), fill)
        part: Tensor = transforms.resized_crop(
            # The label at each new pixel's centre: torchvision's own way with masks takes the
            # one at its corner, half a pixel off.
            layer,
            row,
            column,
            height,
            width,
            list(size),
            interpolation=method,
            antialias=method is InterpolationMode.BILINEAR,
        )
        if mirrored:
            part = transforms.horizontal_flip(part)
        if angle:
            turning = method
            if method is InterpolationMode.NEAREST_EXACT:
                turning = InterpolationMode.NEAREST
            part = transforms.rotate(part, angle, interpolation=turning, fill=fill)
        return part

    return (
        placed(image, InterpolationMode.BILINEAR, GREY),
        placed(labels, InterpolationMode.NEAREST_EXACT, UNKNOWN),
    )


def _random_window(
    source: torch.Size, size: tuple[int, int], rng: np.random.Generator, settings: Augmentation
) -> tuple[int, int, int, int]:
    """Top, left, height, width of the part that is shown; it may reach over the edges."""
    scale = min(source[0] / size[0], source[1] / size[1]) * rng.uniform(*settings.zoom)
    stretch = np.exp(rng.uniform(-settings.stretch, settings.stretch) / 2)
    height = max(1, round(size[0] * scale * stretch))
    width = max(1, round(size[1] * scale / stretch))
    top, left = (
        round(float(rng.uniform(min(0, room), max(0, room))))
        for room in (source[0] - height, source[1] - width)
    )
    return top, left, height, width


def _with_border(
    layer: Tensor, window: tuple[int, int, int, int], fill: float
) -> tuple[Tensor, tuple[int, int]]:
    """The layer, larger where the window reaches over it, and where the window is in it."""
    top, left, height, width = window
    above, before = max(0, -top), max(0, -left)
    below = max(0, top + height - layer.shape[-2])
    behind = max(0, left + width - layer.shape[-1])
    if above or before or below or behind:
        layer = transforms.pad(layer, [before, above, behind, below], fill=fill)
    return layer, (top + above, left + before)


@dataclass(frozen=True)
class ValidationSamples:
    """Held-out photos, whole and unchanged."""

    photos: PackedPictures
    height: int
    """Of the samples, in pixels."""

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, number: int) -> ClothingBatch:
        """By number; placed as the predictor places pictures, though not in a square."""
        layers = torch.from_numpy(np.array(self.photos[number]))
        source = (layers.shape[0], layers.shape[1])
        letterbox = Letterbox.fit(source, sample_size(self.height))
        image = letterbox.apply(bytes_to_floats(layers[..., :3]))[0]
        return ClothingBatch(image, letterbox_labels(layers[..., 3], letterbox))

    def batches(self, batch_size: int) -> Iterator[ClothingBatch]:
        """All of them, in order."""
        for first in range(0, len(self), batch_size):
            samples = [self[i] for i in range(first, min(first + batch_size, len(self)))]
            yield ClothingBatch(*(torch.stack(layer) for layer in zip(*samples, strict=True)))


def letterbox_labels(labels: Tensor, letterbox: Letterbox) -> Tensor:
    """(S, W) the labels where the letterbox puts their pixels; unknown around them.

    Args:
        labels: (H, W) uint8.
        letterbox: Of the photo.
    """
    top, left = letterbox.offset
    below = letterbox.target[0] - letterbox.content[0] - top
    behind = letterbox.target[1] - letterbox.content[1] - left
    inside = F.interpolate(labels[None, None], letterbox.content, mode="nearest-exact")[0, 0]
    return F.pad(inside, (left, behind, top, below), value=UNKNOWN)
