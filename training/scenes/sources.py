"""Where labelled pictures come from: rendered people, photos, places of nobody.

H W a picture's size.
"""

import functools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from model.silhouette.people import NUM_KEYPOINTS, Person
from training.datasets.backgrounds import paint_over
from training.datasets.packed import PackedPictures, evenly_spaced, pack_in_cache
from training.datasets.shader import list_subject, read_pair
from training.datasets.shader_frames import FrameIndex
from training.datasets.shader_truth import read_truth, truth_path
from training.engine.seeding import sample_generator
from training.photos.labelled_photos import LabelledPhotoSource
from training.scenes.labelled_picture import (
    ALPHA,
    KNOWN,
    NUM_LAYERS,
    RGB,
    TARGET,
    WEIGHT,
    LabelledPicture,
    photo_picture,
    picture_of_nobody,
    rendered_picture,
    shrunk,
)
from training.synthetic.stream import RenderedStream

VERSION = 1
"""Raised when a source gives other pictures, so that they are packed again."""
MOST_PAINTED = 0.4
"""Share of a picture that may be painted over for the rest to be a place of its own."""
_PERSON = 4 + 1 + 3 * NUM_KEYPOINTS
"""Numbers of a person: box, score, keypoints."""
_HEADER = struct.Struct("<iii")


class LabelledPictures(Protocol):
    """Labelled pictures by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> LabelledPicture: ...


@dataclass(frozen=True)
class RenderedPeople:
    """Rendered people from folders in the SHADER layout."""

    frames: FrameIndex
    """Which ones."""
    side: int
    """Longer side at most, in pixels."""

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> LabelledPicture:
        """Decode one pair."""
        folder, frame = self.frames[number]
        dressed, naked = read_pair(folder, frame)
        of_frames = _keypoints(folder)
        known = of_frames is not None and frame < len(of_frames)
        keypoints = of_frames[frame] if known and of_frames is not None else None
        pair = np.concatenate([dressed, naked[..., 3:]], axis=-1)
        return shrunk(rendered_picture(pair, keypoints), self.side)


# Frames of a subject follow one another, and their ground truth is one file.
@functools.lru_cache(maxsize=8)
def _keypoints(folder: Path) -> np.ndarray | None:
    """Of every frame of a subject; None without ground truth, or where that has none."""
    subject = list_subject(folder)
    if truth_path(subject) is None:
        return None
    return read_truth(subject).coco_keypoints


class StreamedPeople:
    """Rendered people made when they are asked for."""

    def __init__(self, stream: RenderedStream) -> None:
        self._stream = stream

    def __len__(self) -> int:
        return len(self._stream)

    def __getitem__(self, number: int) -> LabelledPicture:
        """Render one."""
        pair = self._stream.pair(number)
        return rendered_picture(pair.layers, pair.keypoints)


class Photos:
    """Labelled photos of several sources."""

    def __init__(self, sources: Sequence[LabelledPhotoSource], side: int) -> None:
        """Nothing is read yet.

        Args:
            sources: One behind the other.
            side: Longer side at most, in pixels.
        """
        self._places = [(source, index) for source in sources for index in range(len(source))]
        self._side = side

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> LabelledPicture:
        """Decode one photo."""
        source, index = self._places[number]
        return shrunk(photo_picture(source[index]), self._side)

    def at_most(self, count: int) -> "Photos":
        """So many of them at most, evenly from all sources."""
        chosen = Photos((), self._side)
        chosen._places = list(evenly_spaced(self._places, count))
        return chosen

    @property
    def parts(self) -> list[object]:
        """All that the pictures depend on."""
        stamps = [f"{source.key(index)} {source.stamp(index)}" for source, index in self._places]
        return [self._side, *stamps]


class PaintedPlaces:
    """Pictures of which the people, and all that is unknown, are painted over.

    A small picture is painted much faster than a large one: the people should come packed.
    """

    def __init__(self, people: LabelledPictures) -> None:
        """Choose the pictures in which enough remains."""
        self._people = people
        self._chosen = [
            number
            for number in range(len(people))
            if _covered(people[number]).mean() <= MOST_PAINTED
        ]

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, number: int) -> LabelledPicture:
        """Paint one picture; the same each time."""
        picture = self._people[self._chosen[number]]
        image = np.ascontiguousarray(picture.layers[..., RGB])
        rng = sample_generator(0, self._chosen[number])
        return picture_of_nobody(paint_over(image, _covered(picture), rng))


class PicturesOfNobody:
    """Photos without people, then rendered pictures without people."""

    def __init__(self, photos: Photos, stream: RenderedStream, num_rendered: int) -> None:
        """Nothing is read or rendered yet.

        Args:
            photos: Of nobody.
            stream: Renders the others.
            num_rendered: How many.
        """
        self._photos, self._stream, self._num_rendered = photos, stream, num_rendered

    def __len__(self) -> int:
        return len(self._photos) + self._num_rendered

    def __getitem__(self, number: int) -> LabelledPicture:
        """Decode or render one picture."""
        if number < len(self._photos):
            return self._photos[number]
        return picture_of_nobody(self._stream.empty(number - len(self._photos)))


def _covered(picture: LabelledPicture) -> np.ndarray:
    """(H, W) bool: people, and what is not known to be background."""
    layers = picture.layers
    covered: np.ndarray = (
        (layers[..., ALPHA] > 0) | (layers[..., TARGET] > 0) | (layers[..., WEIGHT] < KNOWN)
    )
    return covered


class PackedLabelled:
    """Labelled pictures in one memory-mapped file. May be sent to other processes."""

    def __init__(self, packed: PackedPictures) -> None:
        self._packed = packed

    @property
    def fingerprint(self) -> str:
        """Another one means other pictures."""
        return self._packed.folder.name

    def __len__(self) -> int:
        return len(self._packed)

    def __getitem__(self, number: int) -> LabelledPicture:
        """A view into the file: not to be written to."""
        return decoded(self._packed[number])


def packed(
    source: LabelledPictures, cache: str, name: str, parts: Sequence[object]
) -> PackedLabelled:
    """Decode every picture once, unless the cache already holds the same ones.

    Args:
        source: Of the pictures.
        cache: Folder of all packed pictures.
        name: In a word or two.
        parts: All that the pictures depend on.

    Raises:
        StorageError: The disk has not enough room.
    """
    return PackedLabelled(pack_in_cache(_Encoded(source), cache, name, [VERSION, *parts]))


class _Encoded:
    """The same pictures as arrays of bytes."""

    def __init__(self, source: LabelledPictures) -> None:
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, number: int) -> np.ndarray:
        return encoded(self._source[number])


def encoded(picture: LabelledPicture) -> np.ndarray:
    """Everything in one array of bytes, (1, N, 1)."""
    header = _HEADER.pack(*picture.size, len(picture.people))
    rows = [
        np.concatenate([person.box, [person.score], person.keypoints.ravel()])
        for person in picture.people
    ]
    people = np.array(rows, np.float32).tobytes()
    content = header + people + np.ascontiguousarray(picture.layers).tobytes()
    return np.frombuffer(content, np.uint8)[None, :, None]


def decoded(content: np.ndarray) -> LabelledPicture:
    """What `encoded` was given; its layers are a view."""
    line = content[0, :, 0]
    height, width, count = _HEADER.unpack(line[: _HEADER.size].tobytes())
    start = _HEADER.size + count * _PERSON * np.dtype(np.float32).itemsize
    numbers = np.frombuffer(line[_HEADER.size : start].tobytes(), np.float32)
    people = tuple(
        Person(row[:4].copy(), float(row[4]), row[5:].reshape(NUM_KEYPOINTS, 3).copy())
        for row in numbers.reshape(count, _PERSON)
    )
    return LabelledPicture(line[start:].reshape(height, width, NUM_LAYERS), people)
