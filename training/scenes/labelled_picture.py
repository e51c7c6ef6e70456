"""Labelled pictures of any source in one form, and how they are turned, scaled and cut.

H W a picture's size.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from model.image import FILL
from model.silhouette.confidence import alpha_mask, person_confidence
from model.silhouette.people import Person
from model.skeletons import COCO_17_MIRRORED
from training.photos.body_evidence import BODY, SKIN, UNKNOWN
from training.photos.boxes import box_of
from training.photos.labelled_photos import LabelledPhoto
from training.photos.photo_label import UNKNOWN_PERSON

SEEN, HIDDEN = 0.5, 0.2
"""Least visibility of a photo's keypoint that is taken to be seen, and of one that is taken to be
hidden; below that, nothing is known of it."""
KNOWN = 250
"""Least weight of a pixel that is known. Pixels that mix known and unknown ones are unknown."""
RGB = slice(0, 3)
ALPHA, NAKED, TARGET, WEIGHT, OWNER = range(3, 8)
"""Layers of a labelled picture: how much of a pixel people cover; the naked silhouette; the
confidence; 255 where that is known and 0 where it is not; which person is seen, from 1, 0 for
none."""
NUM_LAYERS = 8


@dataclass(frozen=True)
class LabelledPicture:
    """A picture with what is known of the people in it."""

    layers: np.ndarray
    """(H, W, 8) uint8, as named above."""
    people: tuple[Person, ...]
    """In pixels. The third value of a keypoint is its visibility: 1 seen, 0.5 hidden, 0 outside the
    picture, negative not labelled. A person with a score of 0 is one of whom nothing is learned."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.layers.shape[0], self.layers.shape[1]

    @property
    def is_one_whole_person(self) -> bool:
        """Whether there is one person, all of them: nobody who is cut by the picture's edge."""
        if len(self.people) != 1:
            return False
        left, top, right, bottom = self.people[0].box.tolist()
        height, width = self.size
        return bool(min(left, top, width - right, height - bottom) >= 1)


def rendered_picture(pair: np.ndarray, keypoints: np.ndarray | None) -> LabelledPicture:
    """A rendered person: everything is known.

    The width of the decay in cloth follows the person's size, not the picture's: the map of a
    person is the same near and far.

    Args:
        pair: (H, W, 5) uint8: dressed RGBA and the naked alpha.
        keypoints: (17, 3), or None if they are not known.
    """
    dressed, naked = alpha_mask(pair[..., 3]), alpha_mask(pair[..., 4])
    layers = np.zeros((*dressed.shape, NUM_LAYERS), np.uint8)
    layers[..., RGB], layers[..., ALPHA] = pair[..., :3], pair[..., 3]
    layers[..., NAKED], layers[..., WEIGHT] = pair[..., 4], 255
    layers[..., OWNER] = dressed
    layers[..., TARGET] = np.rint(255 * person_confidence(naked, dressed))
    box = box_of(dressed)
    if not box.any():
        return LabelledPicture(layers, ())
    if keypoints is None:
        keypoints = np.full((len(COCO_17_MIRRORED), 3), -1, np.float32)
    return LabelledPicture(layers, (Person(box, 1.0, keypoints.astype(np.float32)),))


def photo_picture(photo: LabelledPhoto) -> LabelledPicture:
    """A photo: known are the background and what can be nothing but body.

    Args:
        photo: With what is known of the people in it.
    """
    evidence = photo.evidence()
    body = (evidence == SKIN) | (evidence == BODY)
    layers = np.zeros((*body.shape, NUM_LAYERS), np.uint8)
    layers[..., RGB], layers[..., ALPHA] = photo.image, photo.alpha
    layers[..., NAKED] = layers[..., TARGET] = body * np.uint8(255)
    layers[..., WEIGHT] = (evidence != UNKNOWN) * np.uint8(255)
    layers[..., OWNER] = np.where(photo.ids == UNKNOWN_PERSON, 0, photo.ids)
    people = []
    for person in photo.people:
        keypoints = person.keypoints.copy()
        surely = keypoints[:, 2]
        keypoints[:, 2] = np.select([surely >= SEEN, surely >= HIDDEN], [1.0, 0.5], -1.0)
        people.append(Person(person.box, 1.0, keypoints))
    return LabelledPicture(layers, tuple(people))


def picture_of_nobody(image: np.ndarray) -> LabelledPicture:
    """A picture in which all is known: nobody is there.

    Args:
        image: (H, W, 3) uint8.
    """
    layers = np.zeros((*image.shape[:2], NUM_LAYERS), np.uint8)
    layers[..., RGB], layers[..., WEIGHT] = image, 255
    return LabelledPicture(layers, ())


def shrunk(picture: LabelledPicture, side: int) -> LabelledPicture:
    """At most `side` pixels on the longer side."""
    height, width = picture.size
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return placed(picture, Placement(scale, 0.0, (0.0, 0.0), (0.0, 0.0)), size)


@dataclass(frozen=True)
class Placement:
    """Where a picture lies in a frame: mirrored or not, scaled, turned, moved."""

    scale: float
    """Pixels of the frame for one of the picture."""
    turn_deg: float
    """Anticlockwise."""
    source: tuple[float, float]
    """A point (x, y) of the picture ..."""
    target: tuple[float, float]
    """... and where it comes to lie in the frame."""
    mirror: bool = False
    """Left and right are exchanged, around that point, before the turn."""

    def matrix(self) -> np.ndarray:
        """(2, 3): from points of the picture to points of the frame."""
        angle = math.radians(self.turn_deg)
        cos, sin = self.scale * math.cos(angle), self.scale * math.sin(angle)
        linear = np.array([[cos, sin], [-sin, cos]])
        if self.mirror:
            linear = linear @ np.diag([-1.0, 1.0])
        shift = np.array(self.target) - linear @ np.array(self.source)
        return np.concatenate([linear, shift[:, None]], axis=1)


def placed(
    picture: LabelledPicture, placement: Placement, size: tuple[int, int]
) -> LabelledPicture:
    """What a frame of a size shows of a picture; beyond the picture it is grey and holds nobody.

    Args:
        picture: Labelled.
        placement: Of the picture in the frame.
        size: (height, width) of the frame.
    """
    matrix = placement.matrix()
    layers, matrix_of_layers = _near(picture.layers, matrix, size)
    layers = _warped(layers, matrix_of_layers, size)
    people = [_moved(person, matrix, placement.mirror) for person in picture.people]
    seen = []
    had_pixels = np.bincount(picture.layers[..., OWNER].ravel(), minlength=256) > 0
    for number, person in enumerate(people, start=1):
        if had_pixels[number]:
            person = replace(person, box=box_of(layers[..., OWNER] == number))
        cut = person.inside(*size)
        # Of a person outside the frame there is nothing to learn, and of a sliver hardly more.
        if min(cut.size) >= 1:
            seen.append((number, cut))
    layers[..., OWNER] = _renumbered(layers[..., OWNER], [number for number, _ in seen])
    return LabelledPicture(layers, tuple(person for _, person in seen))


def _renumbered(owner: np.ndarray, kept: list[int]) -> np.ndarray:
    table = np.zeros(256, np.uint8)
    table[kept] = np.arange(1, len(kept) + 1)
    renumbered: np.ndarray = table[owner]
    return renumbered


def _moved(person: Person, matrix: np.ndarray, mirror: bool) -> Person:
    left, top, right, bottom = person.box
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    corners = corners @ matrix[:, :2].T + matrix[:, 2]
    keypoints = person.keypoints.copy()
    keypoints[:, :2] = keypoints[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    if mirror:
        keypoints = keypoints[list(COCO_17_MIRRORED)]
    box = np.concatenate([corners.min(0), corners.max(0)]).astype(np.float32)
    return replace(person, box=box, keypoints=keypoints)


def _near(
    layers: np.ndarray, matrix: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The part that the frame shows, at the frame's scale where that is smaller; its matrix.

    A turn interpolates between neighbours; without this step a picture that becomes smaller would
    lose what lies between them.
    """
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    height, width = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    corners = corners @ inverse[:, :2].T + inverse[:, 2]
    limit = np.array([layers.shape[1], layers.shape[0]])
    first = np.floor(corners.min(0) - 2).clip(0, limit - 1).astype(int)
    last = np.ceil(corners.max(0) + 2).clip(first + 1, limit).astype(int)
    part = layers[first[1] : last[1], first[0] : last[0]]
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    moved = matrix.copy()
    moved[:, 2] = matrix[:, 2] + matrix[:, :2] @ first
    if scale >= 1:
        return part, moved
    smaller = tuple(max(1, round(side * scale)) for side in part.shape[:2])
    ratio = np.array([part.shape[1] / smaller[1], part.shape[0] / smaller[0]])
    moved[:, :2] = moved[:, :2] * ratio
    soft, owner = part[..., :OWNER], part[..., OWNER]
    layers = np.empty((*smaller, NUM_LAYERS), np.uint8)
    for group in _groups(soft):
        shrunk = Image.fromarray(np.ascontiguousarray(soft[..., group]), _MODES[_width(group)])
        layers[..., group] = np.asarray(shrunk.resize(smaller[::-1], Image.Resampling.BILINEAR))
    nearest = Image.fromarray(np.ascontiguousarray(owner))
    layers[..., OWNER] = np.asarray(nearest.resize(smaller[::-1], Image.Resampling.NEAREST))
    return layers, moved


_MODES = {3: "RGB", 4: "CMYK"}
"""Pillow's modes of three and four independent channels."""


def _groups(soft: np.ndarray) -> list[slice]:
    return [RGB, slice(RGB.stop, soft.shape[-1])]


def _width(group: slice) -> int:
    return int(group.stop - group.start)


def _warped(layers: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Layers of the frame."""
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    coefficients = tuple(inverse.ravel().tolist())

    def transformed(part: np.ndarray, mode: str, method: Image.Resampling) -> np.ndarray:
        picture = Image.fromarray(np.ascontiguousarray(part), mode)
        return np.asarray(
            picture.transform(size[::-1], Image.Transform.AFFINE, coefficients, method)
        )

    frame = np.empty((*size, NUM_LAYERS), np.uint8)
    soft = layers[..., :OWNER]
    for group in _groups(soft):
        mode = _MODES[_width(group)]
        frame[..., group] = transformed(soft[..., group], mode, Image.Resampling.BILINEAR)
    # One more than the owner: where it is 0, the frame shows what is beyond the picture.
    owner = transformed(layers[..., OWNER] + 1, "L", Image.Resampling.NEAREST)
    beyond = owner == 0
    frame[..., OWNER] = np.maximum(owner, 1) - 1
    frame[beyond, RGB], frame[beyond, WEIGHT] = round(255 * FILL), 255
    return frame
