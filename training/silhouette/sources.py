"""Where samples come from: rendered pairs and street photos, packed for quick reading.

H W a picture's size.
"""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from model.errors import InvalidInputError
from training.datasets.backgrounds import paint_over
from training.datasets.bones import bone_mask
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import STORED, CcpKeypoints
from training.datasets.packed import PackedPictures, evenly_spaced, pack
from training.datasets.shader import read_pair
from training.datasets.shader_frames import FrameIndex, FrameList, list_frames
from training.datasets.splits import VALIDATION_SEED, subject_split
from training.engine.seeding import sample_generator
from training.silhouette.recipe import ON_THE_FLY, DataRecipe
from training.synthetic.stream import RenderedStream, generator_digest

logger = logging.getLogger(__name__)

UNKNOWN, BACKGROUND, SKIN, BONE = 0, 1, 2, 3
"""What is known of a photo's pixel: nothing; that it shows no body; that it is labelled as skin;
that a bone lies behind it, whatever is worn there."""
PAINT_VERSION = 1
"""Raised when painted-over photos would come out differently, so that none are kept from before."""
BONES_VERSION = 1
"""Raised likewise when bones would be drawn differently."""


class Pictures(Protocol):
    """Arrays (H, W, C) of uint8 by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> np.ndarray: ...


@dataclass(frozen=True)
class RenderedPairs:
    """Rendered people as (H, W, 5): dressed RGBA and the naked alpha."""

    frames: FrameIndex
    side: int
    """Longer side at most, in pixels."""

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> np.ndarray:
        """Decode one pair."""
        dressed, naked = read_pair(*self.frames[number])
        return shrink(np.concatenate([dressed, naked[..., 3:]], axis=-1), self.side)


@dataclass(frozen=True)
class StreetPhotos:
    """Photos as (H, W, 7): RGB, what is known of each pixel, RGB with the person painted over."""

    dataset: ClothingCoParsing
    numbers: tuple[int, ...]
    side: int
    """Longer side at most, in pixels."""
    keypoints: CcpKeypoints | None = None
    """With them, bones are known too."""

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, number: int) -> np.ndarray:
        """Decode one photo and paint its person over."""
        photo = self.dataset.read(self.numbers[number])
        skin = photo.labels == self.dataset.label_id("skin")
        null = photo.labels == self.dataset.label_id("null")
        layers = np.stack([skin, null], axis=-1) * np.uint8(255)
        small = shrink(np.concatenate([photo.image, layers], axis=-1), self.side)
        image, person = np.ascontiguousarray(small[..., :3]), small[..., 4] < 255
        known = np.full(person.shape, UNKNOWN, np.uint8)
        # A pixel that mixes two labels is known to be neither.
        known[small[..., 3] > 250] = SKIN
        known[small[..., 4] > 250] = BACKGROUND
        if self.keypoints is not None:
            pose = self.keypoints.pose(self.numbers[number], photo.labels.shape)
            known[bone_mask(pose, small[..., 4] > 0) & (known == UNKNOWN)] = BONE
        rng = sample_generator(0, self.numbers[number])
        return np.dstack([image, known, paint_over(image, person, rng)])


def shrink(layers: np.ndarray, side: int) -> np.ndarray:
    """Each channel on its own to at most `side` pixels on the longer side, with antialiasing."""
    height, width = layers.shape[:2]
    if max(height, width) <= side:
        return np.ascontiguousarray(layers)
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    channels = [
        np.asarray(Image.fromarray(layers[..., c]).resize(size, Image.Resampling.BILINEAR))
        for c in range(layers.shape[-1])
    ]
    return np.stack(channels, axis=-1)


def rendered_frames(recipe: DataRecipe, held_out: bool) -> FrameList:
    """All frames of the subjects to learn from, or of the held-out ones to choose by.

    Raises:
        FileNotFoundError: A folder is not there.
        InvalidInputError: There is no frame.
    """
    if not recipe.pairs:
        raise InvalidInputError("no rendered pairs: name their folder in data.pairs, or by --data")
    listings = [list_frames(Path(folder), Path(recipe.cache)) for folder in recipe.pairs]
    fraction, wanted = recipe.validation_fraction, "validation" if held_out else "training"
    frames = FrameList.gather(listings, lambda key: subject_split(key, fraction) == wanted)
    if not len(frames):
        kind = "held-out subject" if held_out else "subject to learn from"
        raise InvalidInputError(f"no {kind} in {', '.join(recipe.pairs)}")
    return frames


def packed_pairs(recipe: DataRecipe, held_out: bool) -> Pictures:
    """Rendered pairs to learn from, or so many held-out ones; decoded once if the recipe says so.

    Raises:
        FileNotFoundError: A folder is not there.
        InvalidInputError: There is no frame, or people on the fly are asked for beside folders.
        StorageError: The disk has not enough room for them.
    """
    if ON_THE_FLY in recipe.pairs:
        return _pairs_on_the_fly(recipe, held_out)
    frames = rendered_frames(recipe, held_out)
    if held_out:
        frames = frames.select(np.array(evenly_spaced(range(len(frames)), recipe.max_validation)))
    pairs = RenderedPairs(frames.store(Path(recipe.cache)), recipe.pair_side)
    if not recipe.pack_pairs or _is_too_much(pairs, recipe):
        return pairs
    name = "held-out pairs" if held_out else "pairs"
    return _packed(pairs, recipe, name, [str(pairs.side), frames.digest])


def _is_too_much(pairs: Pictures, recipe: DataRecipe) -> bool:
    """Whether packed pairs would be larger than the recipe allows; says so."""
    needed = len(pairs) * pairs[0].nbytes / 1e9
    if needed <= recipe.max_packed_gb:
        return False
    logger.info(
        "%d pairs would take about %.1f GB packed, data.max_packed_gb is %g: each is decoded when "
        "it is needed",
        len(pairs),
        needed,
        recipe.max_packed_gb,
    )
    return True


def _pairs_on_the_fly(recipe: DataRecipe, held_out: bool) -> Pictures:
    if len(recipe.pairs) > 1:
        raise InvalidInputError(
            f"pairs are {', '.join(recipe.pairs)}; {ON_THE_FLY!r} cannot stand beside folders"
        )
    num_frames, side = recipe.frames_on_the_fly, recipe.pair_side
    if not held_out:
        return RenderedStream(recipe.people_seed, 2**40, num_frames, side)
    num_subjects = -(-recipe.max_validation // num_frames)
    people = RenderedStream(VALIDATION_SEED, num_subjects, num_frames, side)
    parts = [str(number) for number in (VALIDATION_SEED, num_subjects, num_frames, side)]
    return _packed(people, recipe, "held-out people", [*parts, generator_digest()])


def draw_pair(pairs: Pictures, index: int, rng: np.random.Generator) -> np.ndarray:
    """The rendered person of a sample: any of those that are there, the next of a stream.

    In a stream consecutive samples show the same person, who is dressed once.

    Args:
        pairs: To learn from.
        index: Number of the sample since the start of the run.
        rng: Of this sample.
    """
    if isinstance(pairs, RenderedStream):
        return pairs[index % len(pairs)]
    return pairs[int(rng.integers(len(pairs)))]


def packed_photos(recipe: DataRecipe, held_out: bool) -> PackedPictures | None:
    """The photos to learn from, or the held-out ones; None where the recipe names no folder.

    Raises:
        FileNotFoundError: The folder is not there.
        InvalidInputError: It holds no labelled photos.
    """
    if recipe.photos is None:
        return None
    dataset = ClothingCoParsing.open(Path(recipe.photos))
    numbers = dataset.numbers_of("validation" if held_out else "training")
    if held_out:
        numbers = evenly_spaced(numbers, recipe.max_validation)
    if not numbers:
        kind = "held-out photo" if held_out else "photo to learn from"
        raise InvalidInputError(f"no {kind} in {recipe.photos}")
    name = "held-out photos" if held_out else "photos"
    parts = [str(dataset.root.resolve()), str(recipe.photo_side), str(PAINT_VERSION)]
    keypoints = None
    # Held-out photos are judged by skin and background alone.
    if recipe.bone_weight and not held_out:
        path = Path(recipe.keypoints) if recipe.keypoints else STORED
        keypoints = CcpKeypoints.load(path)
        parts += ["bones", str(BONES_VERSION), keypoints.digest()]
    photos = StreetPhotos(dataset, numbers, recipe.photo_side, keypoints)
    return _packed(photos, recipe, name, [*parts, *map(str, numbers)])


def _packed(source: Pictures, recipe: DataRecipe, name: str, parts: list[str]) -> PackedPictures:
    fingerprint = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    # A folder for each selection, so that two experiments do not displace each other's.
    folder = Path(recipe.cache) / f"{name.replace(' ', '-')}-{fingerprint[:12]}"
    return pack(len(source), source.__getitem__, folder, fingerprint, f"packing {name}")
