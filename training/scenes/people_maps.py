"""What a network learns about people: heat maps of keypoints and box centres, and boxes.

B batch, P people, K keypoints, S side of the network's input, h w the maps' size.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from model.silhouette.lite import PEOPLE_STRIDE
from model.silhouette.people import NUM_KEYPOINTS, Person
from model.skeletons import COCO_17_MIRRORED

KEYPOINT_SIGMA = 0.025
"""Standard deviation of a keypoint's peak over the longer side of the person's box."""
CENTRE_SIGMA = 0.06
"""Standard deviation of a centre's peak over the geometric mean of the box's sides."""
SIGMA_LIMITS = 0.8, 4.0
"""Bounds of both, in cells."""
LEAST_SIDE = 8.0
"""A person whose visible box has a side of fewer pixels is too small to be looked for; nothing is
learned from the cells of such a box."""


def mirrored(person: Person, width: float) -> Person:
    """The person in the mirror image of a picture of that width."""
    turned = person.moved((-1.0, 1.0), (width, 0.0))
    return replace(
        turned,
        box=turned.box[[2, 1, 0, 3]],
        keypoints=turned.keypoints[list(COCO_17_MIRRORED)],
    )


def inside(person: Person, height: int, width: int) -> Person:
    """The person cut at the edges of a picture; keypoints beyond them are outside of it."""
    cut = person.inside(height, width)
    keypoints = cut.keypoints.copy()
    x, y, visibility = keypoints.T
    outside = (x < 0) | (y < 0) | (x >= width) | (y >= height)
    visibility[outside & (visibility > 0)] = 0
    return replace(cut, keypoints=keypoints)


class PeopleMaps(NamedTuple):
    """Truth of the maps of people; behind one another, or of one picture without the first axis."""

    heat: Tensor
    """(B, K + 1, h, w) in [0, 1]: keypoints, then box centres."""
    known: Tensor
    """(B, K + 1, h, w) bool: where `heat` is known."""
    distances: Tensor
    """(B, 4, h, w): logarithms of distances in cells to the box's left, top, right, bottom."""
    has_box: Tensor
    """(B, h, w) bool: where `distances` are learned."""


def people_maps(
    people: Sequence[Person], known: np.ndarray, stride: int = PEOPLE_STRIDE
) -> PeopleMaps:
    """The truth of one picture.

    Args:
        people: As labelled, in pixels of the network's input; the boxes hold what can be seen of
            them. The third value of a keypoint is its visibility: 1 seen, 0.5 hidden, 0 outside the
            picture, negative not labelled.
        known: (S, S) bool: where all people are labelled.
        stride: Pixels along each side of a cell.
    """
    size = known.shape[0] // stride, known.shape[1] // stride
    heat = np.zeros((NUM_KEYPOINTS + 1, *size), np.float32)
    sure = np.asarray(known.reshape(size[0], stride, size[1], stride).all((1, 3)))
    heat_known = np.repeat(sure[None], len(heat), axis=0)
    distances, has_box = np.zeros((4, *size), np.float32), np.zeros(size, bool)
    for person in people:
        seen = inside(person, *known.shape)
        box = seen.box / stride
        sides = box[2:] - box[:2]
        cells = _cells(box)
        if person.score == 0 or sides.min() * stride < LEAST_SIDE:
            heat_known[:, cells[0], cells[1]] = False
            continue
        for channel, (x, y, visibility) in enumerate(seen.keypoints):
            if visibility < 0:
                heat_known[channel, cells[0], cells[1]] = False
            elif visibility > 0:
                _draw(heat[channel], (x / stride, y / stride), KEYPOINT_SIGMA * sides.max())
        centre = (box[:2] + box[2:]) / 2
        _draw(heat[-1], (float(centre[0]), float(centre[1])), CENTRE_SIGMA * np.sqrt(sides.prod()))
        _set_distances(distances, has_box, box, centre)
    heat_known |= heat == 1
    layers = heat, heat_known, distances, has_box
    return PeopleMaps(*(torch.from_numpy(layer) for layer in layers))


def _cells(box: np.ndarray) -> tuple[slice, slice]:
    first, last = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
    return slice(max(first[1], 0), last[1]), slice(max(first[0], 0), last[0])


def _draw(heat: np.ndarray, at: tuple[float, float], sigma: float) -> None:
    """Raise a map to a peak of height 1 in the cell that holds a point."""
    sigma = float(np.clip(sigma, *SIGMA_LIMITS))
    height, width = heat.shape
    column, row = min(int(at[0]), width - 1), min(int(at[1]), height - 1)
    reach = int(3 * sigma) + 1
    rows = np.arange(max(row - reach, 0), min(row + reach + 1, height))
    columns = np.arange(max(column - reach, 0), min(column + reach + 1, width))
    squared = (rows[:, None] - row) ** 2 + (columns[None, :] - column) ** 2
    part = heat[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    np.maximum(part, np.exp(-squared / (2 * sigma**2)), out=part)


def _set_distances(
    distances: np.ndarray, has_box: np.ndarray, box: np.ndarray, centre: np.ndarray
) -> None:
    """Distances in the cell of the centre and the eight around it, as far as they are inside."""
    height, width = has_box.shape
    column, row = min(int(centre[0]), width - 1), min(int(centre[1]), height - 1)
    for y in range(max(row - 1, 0), min(row + 2, height)):
        for x in range(max(column - 1, 0), min(column + 2, width)):
            here = np.array([x + 0.5, y + 0.5], np.float32)
            sides = np.concatenate([here - box[:2], box[2:] - here])
            if (sides > 0.25).all():
                distances[:, y, x], has_box[y, x] = np.log(sides), True
