"""Samples of the clothing networks, from photos with a label for every pixel.

N photos, B batch, S height of the samples, W their width, H W a photo's size.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from model.clothing.labels import GROUP_OF, GROUPED, LABELS
from model.errors import InvalidInputError
from model.image import FILL, Letterbox, bytes_to_floats, image_to_tensor
from training.clothing.recipe import Augmentation, DataRecipe
from training.datasets.ccp_kaggle import LabelledPhotos, open_ccp
from training.datasets.evaluation_pictures import file_stamp
from training.datasets.packed import PackedPictures, Pictures, pack_in_cache
from training.datasets.photometry import vary
from training.datasets.shrinking import shrink
from training.datasets.splits import Split
from training.engine.batches import SampleKey
from training.engine.seeding import sample_generator

PHOTO_VERSION = 1
"""Raised when items of `PhotosToPack` change, so that photos are packed again."""
UNKNOWN = 255
"""The label of pixels outside of the photo; the loss leaves them out."""
WIDTH_MULTIPLE, GREY = 32, round(FILL * 255)


@dataclass(frozen=True)
class PhotosToPack(Dataset[np.ndarray]):
    """Photos as (H, W, 4) uint8: RGB and the label's id."""

    dataset: LabelledPhotos
    numbers: tuple[int, ...]
    side: int
    """Longer side at most, in pixels."""

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> np.ndarray:
        """Decode one photo; the number alone pairs it with its labels."""
        photo = self.dataset.read(self.numbers[place])
        return shrink(np.dstack([photo.image, photo.labels]), self.side, num_labels=1)

    def stamps(self) -> list[object]:
        """Other ones mean that a photo or its labels may have changed."""
        changed = [file_stamp(self.dataset.labels_path(number)) for number in self.numbers]
        return [self.dataset.root.resolve(), self.side, *self.numbers, *changed]


def open_photos(root: Path | str | None) -> LabelledPhotos:
    """Clothing Co-Parsing in its own layout or in that of the Kaggle re-pack.

    Raises:
        FileNotFoundError: The folder is not there.
        InvalidInputError: None is named, or its labels are not those of the networks.
    """
    if root is None:
        raise InvalidInputError("no photos: name their folder in data.photos, or by --ccp")
    dataset = open_ccp(Path(root))
    if dataset.label_names != LABELS:
        raise InvalidInputError(
            f"{root} has {len(dataset.label_names)} labels "
            f"({', '.join(dataset.label_names[:4])} ...); the 59 of Clothing Co-Parsing are needed"
        )
    return dataset


def load_photos(recipe: DataRecipe, held_out: bool) -> PackedPictures:
    """The photos to learn from, or the held-out ones to choose by.

    Raises:
        FileNotFoundError: The folder is not there.
        InvalidInputError: It holds no such photos, or one of them cannot be read.
    """
    dataset = open_photos(recipe.photos)
    split: Split = "validation" if held_out else "training"
    numbers = dataset.numbers_of(split)
    if not numbers:
        raise InvalidInputError(f"no {split} photo in {recipe.photos}")
    photos = [PhotosToPack(dataset, numbers, recipe.photo_side)]
    if recipe.tagged is not None and not held_out:
        tagged = open_photos(recipe.tagged)
        photos.append(PhotosToPack(tagged, tagged.numbers, recipe.photo_side))
    joined: ConcatDataset[np.ndarray] = ConcatDataset(photos)
    parts = [PHOTO_VERSION, *(part for selection in photos for part in selection.stamps())]
    return pack_in_cache(joined, recipe.cache, "held-out photos" if held_out else "photos", parts)


def count_labels(photos: Pictures) -> np.ndarray:
    """(N, 59) int64 pixels of each label in each photo."""
    return np.array(
        [np.bincount(photos[n][..., 3].ravel(), minlength=len(LABELS)) for n in range(len(photos))]
    )


class ClothingBatch(NamedTuple):
    """A batch of samples, or one sample without the first axis."""

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
        size, settings = sample_size(key.image_size), self.augmentation
        image, labels = place_at_random(layers[:3], layers[3:], size, rng, settings)
        varied = vary(image.permute(1, 2, 0).contiguous().numpy(), rng, settings)
        return ClothingBatch(image_to_tensor(varied)[0], labels[0])


def place_of(index: int, repeats: np.ndarray, seed: int) -> int:
    """Which photo a sample is made from: all of them in turn, each turn in another order.

    A photo's repeats are rounded down or up by chance.

    Args:
        index: Number of the sample since the start of the run.
        repeats: (N,) how often each photo comes in a turn, on average; at least 1.
        seed: Of the run.
    """
    length = round(float(repeats.sum()))
    turn, place = divmod(index, length)
    rng = np.random.default_rng((seed, turn, 1))  # no sample has this generator
    number = rng.permutation(length)[place]
    # Systematic sampling: points at equal distances, on the photos laid end to end.
    ends = np.cumsum(repeats)
    point = (number + rng.random()) * ends[-1] / length
    return min(int(np.searchsorted(ends, point, side="right")), len(repeats) - 1)


def photo_repeats(label_pixels: np.ndarray, threshold: float) -> np.ndarray:
    """(N,) float64: how often each photo comes while one with common groups alone comes once.

    A group in a share f of the photos asks for sqrt(threshold / f) times each; a photo comes as
    often as the rarest of its groups asks, and at least once. Source: repeat factor sampling
    (Gupta et al., LVIS, CVPR 2019, section 4.1), by groups instead of fine labels.

    Args:
        label_pixels: (N, 59) pixels of each fine label in each photo.
        threshold: Groups that are in a larger share of the photos are common; 0 repeats nothing.
    """
    there = groups_in(label_pixels)
    shares = np.maximum(there.sum(0), 1) / len(there)
    asked = np.sqrt(threshold / shares)
    repeats: np.ndarray = np.maximum(1.0, (there * asked).max(1))
    return repeats


def groups_in(label_pixels: np.ndarray) -> np.ndarray:
    """(N, G) bool, which groups are in each photo, from (N, 59) pixels of each fine label."""
    return np.stack([label_pixels[:, n == GROUP_OF].any(1) for n in range(len(GROUPED))], axis=1)


def place_at_random(
    image: Tensor,
    labels: Tensor,
    size: tuple[int, int],
    rng: np.random.Generator,
    settings: Augmentation,
) -> tuple[Tensor, Tensor]:
    """A part of a photo and its labels, rotated and mirrored by chance.

    Args:
        image: (3, H, W) uint8.
        labels: (1, H, W) uint8.
        size: (height, width) of the sample.
        rng: Of this sample.
        settings: Strength of the augmentation.
    """
    top, left, height, width = _random_window(image.shape[-2:], size, rng, settings)
    below, behind = top + height - image.shape[-2], left + width - image.shape[-1]
    angle = float(rng.uniform(-settings.rotation_deg, settings.rotation_deg))
    mirrored = rng.random() < settings.flip_probability

    def placed(layer: Tensor, method: InterpolationMode, fill: int) -> Tensor:
        # Negative padding crops.
        part: Tensor = F.pad(layer, (-left, behind, -top, below), value=fill)
        smooth = method is InterpolationMode.BILINEAR
        part = transforms.resize(part, list(size), interpolation=method, antialias=smooth)
        if mirrored:
            part = transforms.horizontal_flip(part)
        if angle:
            turning = method if smooth else InterpolationMode.NEAREST
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


@dataclass(frozen=True)
class ValidationSamples(Dataset[ClothingBatch]):
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
