"""Samples of the silhouette network, from rendered pairs and street photos.

B batch, S side of the network's input, H W a picture's size.
"""

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from model.errors import InvalidInputError
from model.silhouette.predictor import preprocess
from training.datasets.ccp_kaggle import open_ccp
from training.datasets.ccp_keypoints import STORED, CcpKeypoints
from training.datasets.frame_index import FrameList
from training.datasets.packed import PackedPictures, Pictures, evenly_spaced, pack_in_cache
from training.datasets.photometry import vary
from training.datasets.shader_scan import scan_shader
from training.datasets.splits import VALIDATION_SEED, Split, subject_split
from training.engine.batches import SampleKey
from training.engine.seeding import sample_generator
from training.silhouette.compositing import (
    RenderedPairs,
    Scene,
    StreetPhotos,
    empty_scene,
    known_scene,
    own_background_scene,
    photo_scene,
    street_scene,
    whole_scene,
)
from training.silhouette.recipe import ON_THE_FLY, DataRecipe, SilhouetteRecipe
from training.synthetic.stream import RenderedStream, generator_digest

logger = logging.getLogger(__name__)

FRAMES_ON_THE_FLY = 8
"""Pictures of each person who is rendered during training."""
PHOTO_VERSION = 1
"""Raised when items of `StreetPhotos` change, so that photos are packed again."""


def rendered_frames(recipe: DataRecipe, held_out: bool) -> FrameList:
    """All frames of the training subjects, or of the validation subjects.

    Raises:
        FileNotFoundError: A folder is not there.
        InvalidInputError: There is no frame.
    """
    if not recipe.pairs:
        raise InvalidInputError("no rendered pairs: name their folder in data.pairs, or by --data")
    split = "validation" if held_out else "training"
    chosen = []
    for folder in recipe.pairs:
        scan = scan_shader(Path(folder), Path(recipe.cache))
        splits = [subject_split(key, recipe.validation_fraction) for key in scan.subjects.tolist()]
        chosen.append((scan, np.array([one == split for one in splits])))
    frames = FrameList.gather(chosen)
    if not len(frames):
        raise InvalidInputError(f"no {split} subject in {', '.join(recipe.pairs)}")
    return frames


def load_pairs(recipe: DataRecipe, held_out: bool, seed: int = 0) -> Pictures:
    """Rendered pairs to learn from, or at most `max_validation` held-out ones.

    They are packed unless they would take more than `max_packed_gb`.

    Args:
        recipe: Names the folders.
        held_out: Of the validation subjects.
        seed: Of people rendered during training; another one gives other people.

    Raises:
        FileNotFoundError: A folder is not there.
        InvalidInputError: There is no frame, or `synthetic` is named beside folders.
        StorageError: The disk has not enough room.
    """
    name, side = "held-out pairs" if held_out else "pairs", recipe.pair_side
    if ON_THE_FLY in recipe.pairs:
        if len(recipe.pairs) > 1:
            raise InvalidInputError(
                f"pairs are {', '.join(recipe.pairs)}; {ON_THE_FLY!r} cannot stand beside folders"
            )
        if not held_out:
            return RenderedStream(seed, 2**40, FRAMES_ON_THE_FLY, side)
        of_people = (VALIDATION_SEED, -(-recipe.max_validation // FRAMES_ON_THE_FLY))
        people = RenderedStream(*of_people, FRAMES_ON_THE_FLY, side)
        parts = (*of_people, FRAMES_ON_THE_FLY, side, generator_digest())
        return pack_in_cache(people, recipe.cache, name, parts)
    frames = rendered_frames(recipe, held_out)
    if held_out:
        frames = frames.select(np.array(evenly_spaced(range(len(frames)), recipe.max_validation)))
    pairs = RenderedPairs(frames.store(Path(recipe.cache)), side)
    needed = len(pairs) * pairs[0].nbytes / 1e9 if recipe.max_packed_gb else 0.0
    if recipe.max_packed_gb > needed:
        return pack_in_cache(pairs, recipe.cache, name, (side, frames.digest))
    message = "%d %s of about %.1f GB are decoded as needed: data.max_packed_gb is %g"
    logger.info(message, len(pairs), name, needed, recipe.max_packed_gb)
    return pairs


def load_photos(recipe: DataRecipe, held_out: bool) -> PackedPictures | None:
    """The photos to learn from, or the held-out ones; None where the recipe names no folder.

    Raises:
        FileNotFoundError: The folder is not there.
        InvalidInputError: It holds no labelled photos.
    """
    if recipe.photos is None:
        return None
    dataset = open_ccp(Path(recipe.photos))
    split: Split = "validation" if held_out else "training"
    numbers = dataset.numbers_of(split)
    if not numbers:
        raise InvalidInputError(f"no {split} photo in {recipe.photos}")
    if held_out:
        numbers = evenly_spaced(numbers, recipe.max_validation)
    parts: list[object] = [dataset.root.resolve(), recipe.photo_side, PHOTO_VERSION, *numbers]
    keypoints = None
    # Held-out photos are judged by skin and background alone.
    if recipe.bone_weight and not held_out:
        keypoints = CcpKeypoints.load(Path(recipe.keypoints) if recipe.keypoints else STORED)
        parts.append(keypoints.digest())
    photos = StreetPhotos(dataset, numbers, recipe.photo_side, keypoints)
    return pack_in_cache(photos, recipe.cache, "held-out photos" if held_out else "photos", parts)


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
    """(B,) bool."""


def to_sample(scene: Scene, input_size: int) -> SilhouetteBatch:
    """Through the predictor's own preprocessing; the truth goes the same way.

    The letterbox's border is known background.
    """
    image, letterbox = preprocess(scene.image, input_size)
    truth = np.stack([scene.confidence, scene.dressed, scene.naked, scene.weight]).astype(
        np.float32
    )
    layers = torch.from_numpy(truth)[:, None]
    confidence, dressed, naked = letterbox.apply(layers[:3], fill=0.0)
    (weight,) = letterbox.apply(layers[3:], fill=1.0)
    return SilhouetteBatch(
        image[0], confidence, dressed, naked, weight, torch.tensor(scene.is_photo)
    )


def strip_of(sample: SilhouetteBatch, width: int, rng: np.random.Generator) -> SilhouetteBatch:
    """So many columns of a sample, with as much of the body as they can hold.

    Rendered people fill a third of their picture's width: a strip half as wide costs half as much
    and mostly holds the whole body. The last stage of a run should show whole pictures.

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
        """Compose a scene, mirror it by chance, change its colours, cut a strip if asked."""
        rng = sample_generator(self.recipe.seed, key.index)
        # The generator is drawn from only where the recipe has unchanged pictures.
        unchanged = self.recipe.data.unchanged_fraction
        if unchanged and rng.random() < unchanged:
            scene = whole_scene(self._pair(key, rng))
            scene = scene.mirrored() if rng.random() < 0.5 else scene
        else:
            scene = self._scene(key, rng)
            scene = scene.mirrored() if rng.random() < 0.5 else scene
            varied = vary(scene.image, rng, self.recipe.augmentation)
            scene = dataclasses.replace(scene, image=varied)
        sample = to_sample(scene, key.image_size)
        return sample if key.strip is None else strip_of(sample, key.strip, rng)

    def _scene(self, key: SampleKey, rng: np.random.Generator) -> Scene:
        data, settings, side = self.recipe.data, self.recipe.augmentation, key.image_size
        if self.photos is None:
            return own_background_scene(self._pair(key, rng), side, rng, settings)
        photo = self.photos[int(rng.integers(len(self.photos)))]
        kind = rng.random()
        if kind < data.photo_fraction:
            return photo_scene(photo, side, rng, settings, data)
        if kind < data.photo_fraction + data.empty_fraction:
            return empty_scene(photo, side, rng, settings)
        pair = self._pair(key, rng)
        if rng.random() < data.street_fraction:
            return street_scene(pair, photo, side, rng, settings)
        return own_background_scene(pair, side, rng, settings)

    def _pair(self, key: SampleKey, rng: np.random.Generator) -> np.ndarray:
        """Any rendered person; the next one of a stream, in which a person is dressed once."""
        if isinstance(self.pairs, RenderedStream):
            return self.pairs[key.index % len(self.pairs)]
        return self.pairs[int(rng.integers(len(self.pairs)))]


@dataclass(frozen=True)
class ValidationSamples(Dataset[SilhouetteBatch]):
    """Held-out pictures, whole and unchanged: rendered ones first, then photos."""

    pairs: Pictures
    photos: Pictures | None
    image_size: int

    def __len__(self) -> int:
        return len(self.pairs) + (len(self.photos) if self.photos is not None else 0)

    def __getitem__(self, number: int) -> SilhouetteBatch:
        """By number."""
        if number < len(self.pairs):
            return to_sample(whole_scene(self.pairs[number]), self.image_size)
        assert self.photos is not None
        photo = self.photos[number - len(self.pairs)]
        image = np.ascontiguousarray(photo[..., :3])
        return to_sample(known_scene(image, photo[..., 3], skin_weight=1.0), self.image_size)
