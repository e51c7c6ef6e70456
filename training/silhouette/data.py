"""Samples of the silhouette network: scenes of rendered people and photos, and their truth.

B batch, S side of the network's input, h w the size of the maps of people.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
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
from training.datasets.ccp_people import CcpPeople
from training.datasets.labelled_photos import LabelledPhotos, LabelledPhotoSource
from training.datasets.packed import evenly_spaced
from training.datasets.photo_labels import PhotoLabels
from training.datasets.photometry import vary
from training.datasets.shader_frames import FrameList, list_frames
from training.datasets.splits import VALIDATION_SEED, Split, subject_split
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
from training.scenes.people_maps import PeopleMaps, people_maps
from training.scenes.sources import (
    LabelledPictures,
    PackedLabelled,
    Photos,
    Places,
    RenderedPeople,
    StreamedPeople,
    packed,
)
from training.silhouette.recipe import ON_THE_FLY, DataRecipe, SilhouetteRecipe
from training.synthetic.stream import RenderedStream, generator_digest

logger = logging.getLogger(__name__)

FRAMES_ON_THE_FLY = 8
"""Pictures of each person who is rendered during training."""


def rendered_frames(recipe: DataRecipe, held_out: bool) -> FrameList:
    """All frames of the training subjects, or of the validation subjects.

    Raises:
        FileNotFoundError: A folder is not there.
        InvalidInputError: There is no frame.
    """
    if not recipe.pairs:
        raise InvalidInputError("no rendered pairs: name their folder in data.pairs, or by --data")
    split = "validation" if held_out else "training"
    listings = [list_frames(Path(folder), Path(recipe.cache)) for folder in recipe.pairs]
    frames = FrameList.gather(
        listings, lambda key: subject_split(key, recipe.validation_fraction) == split
    )
    if not len(frames):
        raise InvalidInputError(f"no {split} subject in {', '.join(recipe.pairs)}")
    return frames


def load_pairs(recipe: DataRecipe, held_out: bool, seed: int = 0) -> LabelledPictures:
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
    poses = Path(recipe.poses) if recipe.poses else None
    if ON_THE_FLY in recipe.pairs:
        if len(recipe.pairs) > 1:
            raise InvalidInputError(
                f"pairs are {', '.join(recipe.pairs)}; {ON_THE_FLY!r} cannot stand beside folders"
            )
        if not held_out:
            return StreamedPeople(RenderedStream(seed, 2**40, FRAMES_ON_THE_FLY, side, poses=poses))
        of_people = (VALIDATION_SEED, -(-recipe.max_validation // FRAMES_ON_THE_FLY))
        people = RenderedStream(*of_people, FRAMES_ON_THE_FLY, side, poses=poses)
        parts = (*of_people, FRAMES_ON_THE_FLY, side, poses, generator_digest())
        return packed(StreamedPeople(people), recipe.cache, name, parts)
    frames = rendered_frames(recipe, held_out)
    if held_out:
        frames = frames.select(np.array(evenly_spaced(range(len(frames)), recipe.max_validation)))
    pairs = RenderedPeople(frames.store(Path(recipe.cache)), side)
    needed = len(pairs) * pairs[0].layers.nbytes / 1e9 if recipe.max_packed_gb else 0.0
    if recipe.max_packed_gb > needed:
        return packed(pairs, recipe.cache, name, (side, frames.digest))
    message = "%d %s of about %.1f GB are decoded as needed: data.max_packed_gb is %g"
    logger.info(message, len(pairs), name, needed, recipe.max_packed_gb)
    return pairs


def photos_with_people(recipe: DataRecipe, held_out: bool) -> list[LabelledPhotoSource]:
    """The photos of people that a recipe names, of one split; none if it names none.

    Raises:
        FileNotFoundError: A folder or file is not there.
        InvalidInputError: A folder holds no such photo.
    """
    split: Split = "validation" if held_out else "training"
    labels = None if recipe.labels is None else Path(recipe.labels)
    sources: list[LabelledPhotoSource] = []
    if recipe.photos is not None:
        dataset = open_ccp(Path(recipe.photos))
        keypoints = CcpKeypoints.load(Path(recipe.keypoints) if recipe.keypoints else STORED)
        known = None if labels is None else PhotoLabels.load(labels)
        sources.append(CcpPeople(dataset, keypoints, split, known))
    if labels is not None:
        sources.append(LabelledPhotos(labels, split, nobody=False))
    return sources


def load_photos(recipe: DataRecipe, held_out: bool) -> PackedLabelled | None:
    """Photos of people to learn from, or the held-out ones; None where the recipe names no folder.

    Raises:
        FileNotFoundError: A folder or file is not there.
        InvalidInputError: A folder holds no such photo.
        StorageError: The disk has not enough room.
    """
    sources = photos_with_people(recipe, held_out)
    if not sources:
        return None
    photos = Photos(sources, recipe.photo_side)
    if held_out:
        photos = photos.at_most(recipe.max_validation)
    name = "held-out photos" if held_out else "photos"
    return packed(photos, recipe.cache, name, photos.parts)


def load_places(recipe: DataRecipe, photos: PackedLabelled | None) -> PackedLabelled | None:
    """Photos of nobody, and those of people painted over; None where there are no photos.

    Args:
        recipe: Names the folder of labels.
        photos: Of people.

    Raises:
        FileNotFoundError: A file is not there.
        InvalidInputError: The labels are damaged.
        StorageError: The disk has not enough room.
    """
    if photos is None:
        return None
    nobody = None
    if recipe.labels is not None:
        of_nobody = LabelledPhotos(Path(recipe.labels), "training", nobody=True)
        nobody = Photos([of_nobody], recipe.photo_side)
    parts = [photos.fingerprint, *(nobody.parts if nobody is not None else ())]
    return packed(Places(photos, nobody), recipe.cache, "places", parts)


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
        places = load_places(recipe.data, photos)
        return cls(recipe, pairs, photos, places, whole_people(pairs), whole_people(photos))

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
            place = background_view(_any_of(self.places, rng), size, rng, settings)
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
            else:
                people.append(self._pair(key, rng))
        return people


def _any_of(pictures: LabelledPictures, rng: np.random.Generator) -> LabelledPicture:
    return pictures[int(rng.integers(len(pictures)))]


def whole_people(pictures: LabelledPictures | None) -> np.ndarray:
    """Numbers of the packed pictures that show one whole person."""
    if not isinstance(pictures, PackedLabelled):
        return np.zeros(0, np.int64)
    return np.flatnonzero([pictures[n].is_one_whole_person for n in range(len(pictures))])


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
