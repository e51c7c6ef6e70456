"""People who are cut out of their pictures and put before others, and what is then seen of whom."""

from dataclasses import replace

import numpy as np

from model.silhouette.people import Person
from training.datasets.boxes import box_of
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

LEAST_VISIBLE = 0.25
"""Of a person of whom others hide more than the rest, nothing is learned but the map."""
EDGE = 8
"""Alpha within so much of 0 or 255 is no edge; on edges of people cut out of photos nothing is
known, as their masks are not exact."""


def paste(
    scene: LabelledPicture, person: LabelledPicture, rng: np.random.Generator
) -> LabelledPicture:
    """A person before what is there already, in some of its light.

    Args:
        scene: What is behind.
        person: A frame of the same size with one person; its other pixels are not used.
        rng: Of this sample.
    """
    if not person.people:
        return scene
    layers = scene.layers.copy()
    alpha = person.layers[..., ALPHA]
    box, seen = box_of(alpha > 0), box_of(alpha >= 128)
    if not (box.any() and seen.any()):
        return scene
    left, top, right, bottom = box.astype(int).tolist()
    part = np.s_[top:bottom, left:right]
    below, above = layers[part], person.layers[part]
    share = above[..., ALPHA, None].astype(np.float32) / 255
    lit = np.minimum(above[..., RGB] * _light(above, below, rng), 255)
    below[..., RGB] = np.rint(below[..., RGB] * (1 - share) + share * lit)
    inside = above[..., ALPHA] >= 128
    for layer in (NAKED, TARGET, WEIGHT):
        below[..., layer][inside] = above[..., layer][inside]
    below[..., ALPHA] = np.maximum(below[..., ALPHA], above[..., ALPHA])
    if (above[..., WEIGHT][inside] < KNOWN).any():
        edge = (above[..., ALPHA] > EDGE) & (above[..., ALPHA] < 255 - EDGE)
        below[..., WEIGHT][edge] = 0
    number = len(scene.people) + 1
    below[..., OWNER][inside] = number
    people = [_behind(one, layers[..., OWNER], index) for index, one in enumerate(scene.people, 1)]
    return LabelledPicture(layers, (*people, replace(person.people[0], box=seen)))


def _behind(person: Person, owner: np.ndarray, number: int) -> Person:
    """A person of whom others may hide a part."""
    seen = owner == number
    box = box_of(seen)
    height, width = person.size
    if not box.any():
        return replace(person, score=0.0)
    keypoints = person.keypoints.copy()
    x, y = keypoints[:, :2].T.astype(int)
    inside = (x >= 0) & (y >= 0) & (x < owner.shape[1]) & (y < owner.shape[0])
    front = np.zeros(len(keypoints), int)
    front[inside] = owner[y[inside], x[inside]]
    keypoints[:, 2] = np.where((front > number) & (keypoints[:, 2] > 0), 0.5, keypoints[:, 2])
    shown = (box[3] - box[1]) * (box[2] - box[0]) / max(height * width, 1.0)
    score = person.score if shown >= LEAST_VISIBLE else 0.0
    return replace(person, box=box, keypoints=keypoints, score=score)


def _light(above: np.ndarray, below: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gains of the three colours that bring a person part of the way to the light around."""
    inside = above[above[..., ALPHA] >= 128][:, RGB]
    if not len(inside):
        return np.ones(3, np.float32)
    wanted, found = below[..., RGB].mean((0, 1)) + 8, inside.mean(0) + 8
    share = rng.uniform(0, 0.6)
    gains: np.ndarray = np.clip((wanted / found) ** share, 0.6, 1.6).astype(np.float32)
    return gains
