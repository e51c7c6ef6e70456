"""What a folder of photos says itself about the people in them: `labels.json`.

A list of objects, one for each photo:

    file                          name in images/
    kind                          `no_person`: surely nobody; `maybe_person` and kinds that begin
                                  with `no_person_label`: nothing is known; others: somebody
    persons                       `bbox_cxcywh_norm` and `keypoints17_xyv_norm` (COCO's) over the
                                  photo's size
    person_polygons_original_px   COCO's annotations in pixels of `original_size` (width, height)
    boxes_xywh_norm               [class, left, top, width, height] over the photo's size

All but `file` and `kind` may be missing. H W a photo's size.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from model.errors import InvalidInputError
from model.silhouette.people import box_iou
from training.photos.coco_keypoints import NUM_KEYPOINTS

VISIBILITIES = np.array([0.0, 0.5, 1.0], np.float32)
"""Of COCO's flags: not marked, marked though hidden, seen."""
SAME_BOX = 0.8
"""IoU of the boxes of one person in two lists."""


@dataclass(frozen=True)
class KnownPerson:
    """A person whom somebody has marked. Coordinates are shares of the photo's width and height."""

    box: np.ndarray
    """(4,) float32, xyxy."""
    keypoints: np.ndarray | None = None
    """(17, 3) float32 x, y, visibility."""
    outline: tuple[np.ndarray, ...] = ()
    """Polygons, (N, 2) float32 each; none where only the box is known."""


@dataclass(frozen=True)
class KnownPeople:
    """Everybody who is marked in a photo."""

    people: tuple[KnownPerson, ...] = ()
    crowds: tuple[np.ndarray, ...] = ()
    """Boxes (4,) of groups whose members are not marked, as shares of the photo."""
    nobody: bool = False
    """Whether there is surely no person."""


@dataclass
class _Lists:
    people: list[KnownPerson] = field(default_factory=list)
    crowds: list[np.ndarray] = field(default_factory=list)


def read_known_people(path: Path) -> Mapping[str, KnownPeople]:
    """By file name; photos of which nothing is known are left out.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It cannot be read, or has another content.
    """
    try:
        entries = json.loads(path.read_text())
        known = {str(entry["file"]): _known(entry) for entry in entries}
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InvalidInputError(
            f"{path} cannot be read as labels of photos: {type(error).__name__}: {error}"
        ) from error
    return {name: people for name, people in known.items() if people is not None}


def outline_mask(person: KnownPerson, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the inside of the person's polygons.

    Args:
        person: With an outline.
        size: (height, width) of the photo.
    """
    picture = Image.new("1", (size[1], size[0]))
    draw = ImageDraw.Draw(picture)
    for polygon in person.outline:
        points = polygon * np.array([size[1], size[0]], np.float32)
        draw.polygon([tuple(point) for point in points.tolist()], fill=1)
    mask: np.ndarray = np.asarray(picture, bool)
    return mask


def _known(entry: dict[str, Any]) -> KnownPeople | None:
    kind = entry["kind"]
    if kind == "no_person":
        return KnownPeople(nobody=True)
    lists = _Lists()
    for person in entry.get("persons", ()):
        middle, extent = np.array(person["bbox_cxcywh_norm"], np.float32).reshape(2, 2)
        points = np.array(person["keypoints17_xyv_norm"], np.float32).reshape(NUM_KEYPOINTS, 3)
        points[:, 2] = VISIBILITIES[points[:, 2].astype(int)]
        box = np.concatenate([middle - extent / 2, middle + extent / 2])
        lists.people.append(KnownPerson(box, points))
    for annotation in entry.get("person_polygons_original_px", ()):
        _add_annotation(lists, annotation, np.array(entry["original_size"], np.float32))
    for name, *rectangle in entry.get("boxes_xywh_norm", ()):
        corner, extent = np.array(rectangle, np.float32).reshape(2, 2)
        if name == "Person":
            lists.people.append(KnownPerson(np.concatenate([corner, corner + extent])))
    if not lists.people and not lists.crowds:
        return None
    return KnownPeople(tuple(lists.people), tuple(lists.crowds))


def _add_annotation(lists: _Lists, annotation: dict[str, Any], original: np.ndarray) -> None:
    """Give the person of the same box an outline, or add one."""
    corner, extent = np.array(annotation["bbox"], np.float32).reshape(2, 2) / original
    box = np.concatenate([corner, corner + extent])
    if annotation["iscrowd"] or not isinstance(annotation["segmentation"], list):
        lists.crowds.append(box)
        return
    polygons = [np.array(part, np.float32).reshape(-1, 2) for part in annotation["segmentation"]]
    outline = tuple(polygon / original for polygon in polygons)
    overlaps = [0.0 if person.outline else box_iou(person.box, box) for person in lists.people]
    if overlaps and max(overlaps) >= SAME_BOX:
        same = int(np.argmax(overlaps))
        lists.people[same] = KnownPerson(box, lists.people[same].keypoints, outline)
    else:
        lists.people.append(KnownPerson(box, None, outline))
