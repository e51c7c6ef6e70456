"""The wire type of keypoints that clients send."""

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from app.codecs.keypoints import KEYPOINTS_SCHEMA, parse_keypoints

Keypoints = Annotated[
    list[Any],
    BeforeValidator(parse_keypoints),
    WithJsonSchema(
        {
            **KEYPOINTS_SCHEMA,
            "description": "In pixels of the upright picture, in the place of those that the "
            "network finds: rows [x, y, score] of 17 (COCO), 18 or 25 (OpenPose) or 33 (MediaPipe) "
            "keypoints; a list of such lists, one for each person, or for each photo with "
            "same_person; or the JSON that OpenPose writes. A score of 0 means that there is none.",
        }
    ),
]
EXAMPLE_KEYPOINTS = [
    *([8, 2, 0.9], [8.5, 1.5, 0.9], [7.5, 1.5, 0.9], [9, 2, 0.8], [7, 2, 0.8]),
    *([10, 4, 0.9], [6, 4, 0.9], [11, 6, 0.9], [5, 6, 0.9], [11, 8, 0.9], [5, 8, 0.9]),
    *([9, 8, 0.9], [7, 8, 0.9], [9, 11, 0.9], [7, 11, 0.9], [9, 14, 0.9], [7, 14, 0.9]),
]
