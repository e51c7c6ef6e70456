"""Keypoints that clients send, of any skeleton that is known, as COCO's 17.

K keypoints of a person.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Float32

from app.schemas.common import MAX_MAGNITUDE
from model.skeletons import COCO_17_NAMES, SKELETONS, places_in

MAX_PEOPLE = 20
OPENPOSE_PEOPLE, OPENPOSE_NUMBERS = "people", "pose_keypoints_2d"
"""Members of the JSON that OpenPose writes."""
_SIZES = ", ".join(map(str, sorted(SKELETONS)))
_ROW = {
    "type": "array",
    "minItems": 3,
    "maxItems": 3,
    "prefixItems": [
        {"type": "number", "minimum": -MAX_MAGNITUDE, "maximum": MAX_MAGNITUDE},
        {"type": "number", "minimum": -MAX_MAGNITUDE, "maximum": MAX_MAGNITUDE},
        {"type": "number", "minimum": 0, "maximum": 1},
    ],
}
_PERSON = {
    "anyOf": [
        {"type": "array", "minItems": size, "maxItems": size, "items": _ROW}
        for size in sorted(SKELETONS)
    ]
}
KEYPOINTS_SCHEMA: dict[str, Any] = {
    "anyOf": [
        *_PERSON["anyOf"],
        {"type": "array", "minItems": 1, "maxItems": MAX_PEOPLE, "items": _PERSON},
        {
            "type": "object",
            "required": [OPENPOSE_PEOPLE],
            "properties": {
                OPENPOSE_PEOPLE: {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_PEOPLE,
                    "items": {
                        "type": "object",
                        "required": [OPENPOSE_NUMBERS],
                        "properties": {
                            OPENPOSE_NUMBERS: {
                                "type": "array",
                                "items": {"type": "number"},
                                "description": "x, y, score of 18 or 25 keypoints.",
                            }
                        },
                    },
                }
            },
        },
    ]
}
"""Of what `parse_keypoints` takes."""


def parse_keypoints(value: object) -> list[Float32[np.ndarray, "17 3"]]:
    """Of each person or photo, COCO's keypoints: pixels x, y, and a score, 0 where there is none.

    Args:
        value: Rows [x, y, score] of 17 (COCO), 18 or 25 (OpenPose) or 33 (MediaPipe) keypoints; a
            list of such lists; or the object that OpenPose writes.

    Raises:
        ValueError: Something else.
    """
    if isinstance(value, dict):
        return [_as_coco(rows) for rows in _of_openpose(value)]
    if not isinstance(value, list) or not value:
        raise ValueError(f"{_kind(value)} was sent; a list of rows [x, y, score] is needed")
    first = value[0]
    is_several = isinstance(first, list) and bool(first) and isinstance(first[0], list)
    people = value if is_several else [value]
    if len(people) > MAX_PEOPLE:
        raise ValueError(f"{len(people)} people were sent; at most {MAX_PEOPLE} are read")
    return [_as_coco(rows) for rows in people]


def _of_openpose(value: dict[str, Any]) -> list[list[object]]:
    people = value.get(OPENPOSE_PEOPLE)
    if not isinstance(people, list) or not 1 <= len(people) <= MAX_PEOPLE:
        raise ValueError(
            f"the object needs `{OPENPOSE_PEOPLE}`, a list of 1 to {MAX_PEOPLE}, as OpenPose writes"
        )
    found: list[list[object]] = []
    for person in people:
        numbers = person.get(OPENPOSE_NUMBERS) if isinstance(person, dict) else None
        if not isinstance(numbers, list) or len(numbers) % 3:
            raise ValueError(
                f"each of `{OPENPOSE_PEOPLE}` needs `{OPENPOSE_NUMBERS}`: x, y, score of each "
                "keypoint, one after the other"
            )
        found.append([numbers[start : start + 3] for start in range(0, len(numbers), 3)])
    return found


def _as_coco(rows: object) -> Float32[np.ndarray, "17 3"]:
    if not isinstance(rows, list) or len(rows) not in SKELETONS:
        found = f"{len(rows)} keypoints" if isinstance(rows, list) else _kind(rows)
        raise ValueError(f"a person has {found}; {_SIZES} are known")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != 3 or not all(map(_is_number, row)):
            raise ValueError(f"keypoint {number} is no row of three numbers: x, y, score")
        if not 0 <= row[2] <= 1:
            raise ValueError(f"keypoint {number} has the score {row[2]:g}; 0 to 1 are allowed")
    places = places_in(SKELETONS[len(rows)], COCO_17_NAMES)
    assert min(places) >= 0
    return np.array([rows[place] for place in places], np.float32)


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and abs(value) <= MAX_MAGNITUDE  # type: ignore[arg-type]


def _kind(value: object) -> str:
    return {dict: "an object", list: "a list", str: "text", type(None): "null"}.get(
        type(value), "a number"
    )
