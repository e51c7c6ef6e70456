"""The second look at people who are small in a picture.

H W the picture's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.image import MINIMUM_SIDE
from model.silhouette.people import Person, box_iou

LARGE = 0.55
"""A person whose box is at least this share of the picture's longer side is seen well enough."""
MARGIN = 0.15
"""What a crop shows beyond each side of the box, over the box's longer side."""
MOST_CROPS = 8
"""Per picture, for the people of highest score."""
SAME_PERSON_IOU = 0.3
"""The person whom a crop was made for is the one in it whose box overlaps the first one so much."""


@dataclass(frozen=True)
class Crop:
    """A part of a picture that holds a person who is small in it."""

    picture: int
    """Index in the batch."""
    person: int
    """Index among the picture's people."""
    left: int
    top: int
    right: int
    bottom: int

    def of(self, image: np.ndarray) -> np.ndarray:
        """The part, as a view of the picture or of a map (H, W, ...)."""
        return image[self.top : self.bottom, self.left : self.right]


def crops_of(people: Sequence[Person], size: tuple[int, int], picture: int) -> list[Crop]:
    """Where to look again.

    Args:
        people: Of one picture, in its pixels.
        size: (height, width) of the picture.
        picture: Its index in the batch.
    """
    crops: list[Crop] = []
    for index, person in enumerate(people):
        side = max(person.size)
        if side >= LARGE * max(size) or len(crops) == MOST_CROPS:
            continue
        left, top, right, bottom = person.box.tolist()
        half = side * (0.5 + MARGIN)
        x, y = (left + right) / 2, (top + bottom) / 2
        box = [max(0, int(x - half)), max(0, int(y - half))]
        box += [min(size[1], int(np.ceil(x + half))), min(size[0], int(np.ceil(y + half)))]
        if min(box[2] - box[0], box[3] - box[1]) >= MINIMUM_SIDE:
            crops.append(Crop(picture, index, *box))
    return crops


def seen_again(person: Person, found: Sequence[Person]) -> Person:
    """The person as a crop shows them, or as before where the crop does not.

    Args:
        person: As the whole picture shows them.
        found: The people in the crop, in the picture's pixels.
    """
    overlaps = [box_iou(person.box, other.box) for other in found]
    if not overlaps or max(overlaps) < SAME_PERSON_IOU:
        return person
    return found[int(np.argmax(overlaps))]
