import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import find_objects, label

from training.datasets.mediapipe_people import FoundPerson, PeopleDetector

RED, BLUE = (255, 0, 0), (0, 0, 255)
UPRIGHT = np.array(
    [
        *[(0.5, 0.08), (0.55, 0.06), (0.45, 0.06), (0.6, 0.07), (0.4, 0.07)],
        *[(0.75, 0.2), (0.25, 0.2), (0.85, 0.35), (0.15, 0.35), (0.9, 0.5), (0.1, 0.5)],
        *[(0.65, 0.5), (0.35, 0.5), (0.65, 0.72), (0.35, 0.72), (0.65, 0.95), (0.35, 0.95)],
    ],
    np.float32,
)
"""COCO's keypoints of somebody who faces the camera, over the box."""
SMALLEST_SHARE = 0.15


def keypoints_in(box: tuple[int, int, int, int]) -> np.ndarray:
    """Keypoints of somebody upright who fills a box."""
    left, top, right, bottom = box
    points = UPRIGHT * [right - left, bottom - top] + [left, top]
    return np.column_stack([points, np.ones(17)]).astype(np.float32)


def red_blobs(image: np.ndarray) -> list[FoundPerson]:
    """A detector that takes each red blob for a person, and misses those that look small.

    A blue pixel left of a blob's middle makes it see the person half as wide: what depends on the
    side from which it is seen is no person.
    """
    red = (image == RED).all(-1)
    blue = (image == BLUE).all(-1)
    regions, _ = label(red | blue)
    found = []
    for number, (rows, columns) in enumerate(find_objects(regions), 1):
        box = (columns.start, rows.start, columns.stop, rows.stop)
        if box[3] - box[1] < SMALLEST_SHARE * max(image.shape[:2]):
            continue
        mask = regions == number
        middle = (columns.start + columns.stop) // 2
        if blue[:, :middle].any():
            mask[:, middle:] = False
        found.append(FoundPerson(keypoints_in(box), mask * np.uint8(255), 0.9))
    return found


@pytest.fixture
def figure() -> Callable[[tuple[int, int, int, int]], np.ndarray]:
    return keypoints_in


@pytest.fixture
def detect() -> PeopleDetector:
    return red_blobs


@pytest.fixture
def draw() -> Callable[..., np.ndarray]:
    """A grey picture of 200 x 300 with red rectangles."""

    def picture(*boxes: tuple[int, int, int, int]) -> np.ndarray:
        image = np.full((200, 300, 3), 128, np.uint8)
        for left, top, right, bottom in boxes:
            image[top:bottom, left:right] = RED
        return image

    return picture


@pytest.fixture
def photo_folder(tmp_path: Path, draw: Callable[..., np.ndarray]) -> Path:
    """A collection with labels of its own: a marked person, nobody, and two unlabelled photos."""
    root = tmp_path / "coco_cc_by"
    (root / "images").mkdir(parents=True)
    pictures = {
        "marked.png": draw((100, 20, 160, 180)),
        "empty.png": draw(),
        "unlabelled.png": draw((50, 30, 110, 190)),
        "nothing.png": draw(),
    }
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(root / "images" / name)
    points = keypoints_in((100, 20, 160, 180))
    points[:, :2] /= [300, 200]
    points[:, 2] = 2
    person = {
        "bbox_cxcywh_norm": [130 / 300, 0.5, 60 / 300, 0.8],
        "keypoints17_xyv_norm": points.ravel().tolist(),
    }
    entries = [
        {"file": "marked.png", "kind": "person_kp", "persons": [person]},
        {"file": "empty.png", "kind": "no_person", "persons": []},
        {"file": "nothing.png", "kind": "maybe_person", "persons": []},
    ]
    (root / "labels.json").write_text(json.dumps(entries))
    return root
