"""Scenes to learn from: views of labelled pictures, groups of cut-out people, places of nobody.

H W a scene's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from model.image import MINIMUM_SIDE
from training.scenes.labelled_picture import LabelledPicture, Placement, placed
from training.scenes.pasting import paste


@dataclass(frozen=True)
class SceneRecipe:
    """How scenes differ from the pictures they are made from."""

    aspect: tuple[float, float] = (0.5, 1.8)
    """Width over height of a scene."""
    view_height: tuple[float, float] = (0.3, 1.15)
    """Of the person that a view is chosen for, over the scene's height."""
    whole_fraction: float = 0.35
    """Share of views that show the whole picture, as it is."""
    close_fraction: float = 0.1
    """Share of views that are close to the person, up to `close_height`."""
    close_height: float = 2.5
    group_height: tuple[float, float] = (0.15, 1.1)
    """Of people in a group, over the scene's height."""
    most_people: int = 5
    """In a group."""
    turn_deg: float = 30.0
    """Largest turn of a picture or a person; small turns are more frequent."""
    turned_fraction: float = 0.35
    """Share of pictures and people that are turned."""
    quarter_fraction: float = 0.04
    """Share of scenes that are turned by 90, 180 or 270 degrees."""

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            ValueError: A share is outside of [0, 1].
        """
        for name in ("whole_fraction", "close_fraction", "turned_fraction", "quarter_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 to 1 is needed")


def scene_size(side: int, rng: np.random.Generator, settings: SceneRecipe) -> tuple[int, int]:
    """(height, width) of a scene whose longer side is `side`."""
    aspect = float(np.exp(rng.uniform(*np.log(settings.aspect))))
    shorter = max(MINIMUM_SIDE, round(side * min(aspect, 1 / aspect)))
    return (side, shorter) if aspect <= 1 else (shorter, side)


def view(
    picture: LabelledPicture, side: int, rng: np.random.Generator, settings: SceneRecipe
) -> LabelledPicture:
    """A part of a picture around one of its people, or anywhere if there are none.

    Args:
        picture: Of any source.
        side: Longer side of the view.
        rng: Of this sample.
        settings: How far to go.
    """
    height, width = picture.size
    mirror, turn_deg = bool(rng.random() < 0.5), _turn(rng, settings)
    kind = rng.random()
    if kind < settings.whole_fraction:
        scale = side / max(height, width)
        size = max(MINIMUM_SIDE, round(height * scale)), max(MINIMUM_SIDE, round(width * scale))
        target = size[1] / 2, size[0] / 2
        return placed(
            picture, Placement(scale, turn_deg, (width / 2, height / 2), target, mirror), size
        )
    size = scene_size(side, rng, settings)
    if not picture.people:
        return background_view(picture, size, rng, settings)
    person = picture.people[int(rng.integers(len(picture.people)))]
    least, most = settings.view_height
    if kind > 1 - settings.close_fraction:
        least, most = 1.0, settings.close_height
    wanted = size[0] * float(np.exp(rng.uniform(np.log(least), np.log(most))))
    scale = wanted / max(person.size[0], 0.4 * person.size[1], 1.0)
    # A view much larger than the picture would show little but grey.
    scale = max(scale, 0.85 * max(size[0] / height, size[1] / width))
    left, top, right, bottom = person.box.tolist()
    shown = size[1] / scale, size[0] / scale
    source = [
        _centre(rng, span, of_view, of_picture)
        for span, of_view, of_picture in (
            ((left, right), shown[0], width),
            ((top, bottom), shown[1], height),
        )
    ]
    target = size[1] / 2, size[0] / 2
    placement = Placement(scale, turn_deg, (source[0], source[1]), target, mirror)
    return placed(picture, placement, size)


def _centre(
    rng: np.random.Generator, span: tuple[float, float], of_view: float, of_picture: int
) -> float:
    """Centre along one axis of a view that shows some of a person.

    Args:
        rng: Of this sample.
        span: Of the person.
        of_view: Length of the view.
        of_picture: Length of the picture, which the view leaves only if it is longer.
    """
    centre = rng.uniform(*span) + of_view * rng.uniform(-0.3, 0.3)
    first, last = sorted((of_view / 2, of_picture - of_view / 2))
    return min(max(centre, first), last)


def background_view(
    picture: LabelledPicture, size: tuple[int, int], rng: np.random.Generator, settings: SceneRecipe
) -> LabelledPicture:
    """A part of a picture that fills a frame.

    Args:
        picture: Of any source.
        size: (height, width) of the frame.
        rng: Of this sample.
        settings: How far to go.
    """
    height, width = picture.size
    scale = max(size[0] / height, size[1] / width) * float(np.exp(rng.uniform(0, np.log(2.0))))
    shown = size[1] / scale, size[0] / scale
    source = (
        rng.uniform(shown[0] / 2, width - shown[0] / 2),
        rng.uniform(shown[1] / 2, height - shown[1] / 2),
    )
    target = size[1] / 2, size[0] / 2
    mirror = bool(rng.random() < 0.5)
    turn_deg = 0.3 * _turn(rng, settings)
    return placed(picture, Placement(scale, turn_deg, source, target, mirror), size)


def group(
    background: LabelledPicture,
    people: Sequence[LabelledPicture],
    rng: np.random.Generator,
    settings: SceneRecipe,
) -> LabelledPicture:
    """People cut out of their pictures, before a background, those who stand lower in front.

    Args:
        background: A frame of nobody.
        people: Pictures of one whole person each, whose pixels alpha tells.
        rng: Of this sample.
        settings: How far to go.
    """
    height, width = background.size
    least, most = settings.group_height
    if len(people) == 1:
        least = max(least, 0.35)
    # One camera: those who are nearer are larger and stand lower.
    horizon = height * rng.uniform(0.1, 0.6)
    tallest = np.log(most) - rng.uniform(0, 0.6) * (np.log(most) - np.log(least))
    nearness = rng.power(1.5, len(people))
    heights = height * np.exp(np.log(least) + nearness * (tallest - np.log(least)))
    ground = (height * rng.uniform(0.85, 1.25) - horizon) / heights.max()
    scene = background
    centre, spread = width * rng.uniform(0.3, 0.7), width * rng.uniform(0.1, 0.5)
    for index in np.argsort(heights):
        picture = people[index]
        if not picture.people:
            continue
        box = picture.people[0].box
        scale = heights[index] / max(box[3] - box[1], 0.4 * (box[2] - box[0]))
        feet = horizon + ground * heights[index] + rng.normal(0, 0.03 * height)
        source = (float(box[0] + box[2]) / 2, float(box[3]))
        target = (centre + rng.uniform(-spread, spread), float(feet))
        placement = Placement(
            float(scale), _turn(rng, settings), source, target, bool(rng.random() < 0.5)
        )
        scene = paste(scene, placed(picture, placement, (height, width)), rng)
    return scene


def quarter_turned(picture: LabelledPicture, quarters: int) -> LabelledPicture:
    """The picture turned anticlockwise by so many right angles."""
    for _ in range(quarters % 4):
        _, width = picture.size
        people = []
        for person in picture.people:
            left, top, right, bottom = person.box
            keypoints = person.keypoints.copy()
            keypoints[:, 0], keypoints[:, 1] = person.keypoints[:, 1], width - keypoints[:, 0]
            box = np.array([top, width - right, bottom, width - left], np.float32)
            people.append(replace(person, box=box, keypoints=keypoints))
        layers = np.ascontiguousarray(np.rot90(picture.layers))
        picture = LabelledPicture(layers, tuple(people))
    return picture


def _turn(rng: np.random.Generator, settings: SceneRecipe) -> float:
    if rng.random() >= settings.turned_fraction:
        return 0.0
    return float(
        np.clip(rng.normal(0, settings.turn_deg / 2), -settings.turn_deg, settings.turn_deg)
    )
