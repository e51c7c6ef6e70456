"""The pictures that a recipe names: rendered people, photos, places of nobody."""

import json
import logging
from pathlib import Path

import numpy as np

from model.errors import InvalidInputError
from training.datasets.ccp_kaggle import open_ccp
from training.datasets.ccp_keypoints import STORED, CcpKeypoints
from training.datasets.packed import evenly_spaced
from training.datasets.shader_frames import FrameList, list_frames
from training.datasets.splits import VALIDATION_SEED, Split, subject_split
from training.photos.ccp_people import CcpPeople
from training.photos.labelled_photos import LabelledPhotos, LabelledPhotoSource
from training.photos.photo_labels import PhotoLabels
from training.scenes.data_recipe import ON_THE_FLY, DataRecipe
from training.scenes.sources import (
    LabelledPictures,
    PackedLabelled,
    PaintedPlaces,
    Photos,
    PicturesOfNobody,
    RenderedPeople,
    StreamedPeople,
    packed,
)
from training.synthetic.export import SETTINGS_FILE
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
        # Few photos may all be of one split; those to learn from must be there.
        sources.append(LabelledPhotos(labels, split, nobody=False, may_be_empty=held_out))
    return sources


def load_photos(recipe: DataRecipe, held_out: bool) -> PackedLabelled | None:
    """Photos of people to learn from, or the held-out ones; None where the recipe names no folder.

    Raises:
        FileNotFoundError: A folder or file is not there.
        InvalidInputError: A folder holds no such photo.
        StorageError: The disk has not enough room.
    """
    sources = photos_with_people(recipe, held_out)
    photos = Photos(sources, recipe.photo_side)
    if not len(photos):
        return None
    if held_out:
        photos = photos.at_most(recipe.max_validation)
    name = "held-out photos" if held_out else "photos"
    return packed(photos, recipe.cache, name, photos.parts)


def load_places(recipe: DataRecipe, photos: PackedLabelled | None) -> PackedLabelled | None:
    """The photos with their people painted over; None where there are no photos.

    Raises:
        StorageError: The disk has not enough room.
    """
    if photos is None:
        return None
    return packed(PaintedPlaces(photos), recipe.cache, "places", [photos.fingerprint])


def load_nobody(recipe: DataRecipe, seed: int = 0) -> PackedLabelled | None:
    """Photos of nobody, and rendered pictures of nobody; None if there are none of either.

    Args:
        recipe: Names the folder of labels, and how many are rendered.
        seed: Of the rendered ones.

    Raises:
        FileNotFoundError: A file is not there.
        InvalidInputError: The labels are damaged.
        StorageError: The disk has not enough room.
    """
    of_nobody: list[LabelledPhotoSource] = []
    if recipe.labels is not None:
        labels = Path(recipe.labels)
        of_nobody.append(LabelledPhotos(labels, "training", nobody=True, may_be_empty=True))
    photos = Photos(of_nobody, recipe.photo_side)
    stream = RenderedStream(seed, 1, 1, recipe.pair_side)
    pictures = PicturesOfNobody(photos, stream, recipe.rendered_places)
    if not len(pictures):
        return None
    rendered = (seed, recipe.rendered_places, generator_digest()) if recipe.rendered_places else ()
    return packed(pictures, recipe.cache, "pictures of nobody", [*photos.parts, *rendered])


def whole_people(pictures: LabelledPictures | None) -> np.ndarray:
    """Numbers of the packed pictures that show one whole person."""
    if not isinstance(pictures, PackedLabelled):
        return np.zeros(0, np.int64)
    return np.flatnonzero([pictures[n].is_one_whole_person for n in range(len(pictures))])


def describe(recipe: DataRecipe) -> str:
    """What samples come from, in words, with the licences.

    Raises:
        FileNotFoundError: The folder of labels is not there.
        InvalidInputError: It is damaged.
    """
    learned = ["rendered people in the SHADER layout"]
    if recipe.poses is not None or any(map(_has_recorded_poses, recipe.pairs)):
        learned[0] += ", half of them in poses of the CMU Graphics Lab Motion Capture Database"
    if recipe.photos is not None:
        learned.append(
            "street photos of Clothing Co-Parsing (Apache-2.0) with the landmarks that MediaPipe "
            "(Apache-2.0) finds in them"
        )
    if recipe.labels is not None:
        folders = ", ".join(sorted(PhotoLabels.load(Path(recipe.labels)).folders))
        learned.append(f"photos labelled by `data label-photos` ({folders})")
    return "; ".join(learned)


def _has_recorded_poses(folder: str) -> bool:
    """Whether `data synth` took poses from motion capture."""
    settings = Path(folder) / SETTINGS_FILE
    return settings.is_file() and json.loads(settings.read_text()).get("poses") is not None
