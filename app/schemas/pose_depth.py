"""Wire types of the refinement of poses."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from app.schemas.common import Number, Received, Sent, Vector3, with_examples
from model.pose_depth.poses import ObservedPoses, observed
from model.pose_depth.predictor import SMOOTHING_S, RefinedPoses
from model.skeletons import COCO_17_NAMES, MEDIAPIPE_33_NAMES

MAX_FRAMES = 600
"""Of a request: 20 seconds at 30 frames a second."""
NUM_LANDMARKS = len(MEDIAPIPE_33_NAMES)
_EXAMPLE_POSE = [
    *([0.0, -0.62, -0.12], [0.03, -0.65, -0.09], [-0.03, -0.65, -0.09]),
    *([0.07, -0.64, -0.01], [-0.07, -0.64, -0.01]),
    *([0.17, -0.48, -0.02], [-0.17, -0.48, -0.02], [0.22, -0.22, 0.0], [-0.22, -0.22, 0.0]),
    *([0.24, 0.01, -0.06], [-0.24, 0.01, -0.06]),
    *([0.1, 0.0, 0.0], [-0.1, 0.0, 0.0], [0.11, 0.4, 0.0], [-0.11, 0.4, 0.02]),
    *([0.12, 0.79, 0.05], [-0.12, 0.79, 0.05]),
]
_EXAMPLE_KEYPOINTS = [[round(320 + 250 * x), round(300 + 250 * y)] for x, y, _ in _EXAMPLE_POSE]

Pose = Annotated[
    list[Vector3],
    Field(fail_fast=True, min_length=len(COCO_17_NAMES), max_length=NUM_LANDMARKS),
]
Pixel = Annotated[list[Number], Field(min_length=2, max_length=2)]
Keypoints = Annotated[
    list[Pixel], Field(fail_fast=True, min_length=len(COCO_17_NAMES), max_length=NUM_LANDMARKS)
]
Visibility = Annotated[
    list[Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]],
    Field(fail_fast=True, min_length=len(COCO_17_NAMES), max_length=NUM_LANDMARKS),
]
_OF_FRAMES = Field(fail_fast=True, min_length=1, max_length=MAX_FRAMES)


@dataclass(frozen=True)
class PoseContents:
    """A request as arrays."""

    poses: np.ndarray
    """(N, K, 3) as given."""
    observed: ObservedPoses
    smoothing_s: float
    """0 for poses that are no sequence."""


class PoseDepthRequest(Received):
    """Poses that a detector found with a single camera, each with its keypoints in the picture."""

    model_config = with_examples({"poses": [_EXAMPLE_POSE], "keypoints": [_EXAMPLE_KEYPOINTS]})

    poses: Annotated[list[Pose], _OF_FRAMES] = Field(
        description="N poses of 17 joints in the order of COCO, or of 33 in that of MediaPipe: "
        "metres, x right, y down, z away from the camera; any origin. MediaPipe's world landmarks "
        "are such.",
    )
    keypoints: Annotated[list[Keypoints], _OF_FRAMES] = Field(
        description="The same joints in the picture, x right and y down, both in the same unit, "
        "such as pixels. MediaPipe's landmarks must be multiplied by width and height.",
    )
    visibility: Annotated[list[Visibility], _OF_FRAMES] | None = Field(
        default=None,
        description="How sure the detector is of each joint, in [0, 1]; 1 when left out.",
    )
    frame_rate: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Frames a second of a video. The poses are then one after the other; without "
        "it they have nothing to do with each other.",
    )
    smoothing_s: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        default=SMOOTHING_S,
        description="With `frame_rate`: spread of the smoothing over time, in seconds; 0 for none.",
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> "PoseDepthRequest":
        counts = (len(COCO_17_NAMES), NUM_LANDMARKS)
        num = len(self.poses[0])
        if num not in counts:
            raise ValueError(f"the first pose has {num} joints; 17 or 33 are needed")
        for name in ("poses", "keypoints", "visibility"):
            rows = getattr(self, name)
            if rows is None:
                continue
            if len(rows) != len(self.poses):
                raise ValueError(f"{name} has {len(rows)} frames and poses {len(self.poses)}")
            if wrong := {len(row) for row in rows} - {num}:
                raise ValueError(f"{name} has frames of {min(wrong)} joints beside one of {num}")
        return self

    def contents(self) -> PoseContents:
        """As arrays.

        Raises:
            InvalidInputError: A number is not usable.
        """
        poses = np.array(self.poses, np.float64)
        visibility = None if self.visibility is None else np.array(self.visibility, np.float64)
        seconds = None if self.frame_rate is None else np.arange(len(poses)) / self.frame_rate
        found = observed(poses, np.array(self.keypoints, np.float64), visibility, seconds)
        return PoseContents(poses, found, 0.0 if seconds is None else self.smoothing_s)


class CameraDirection(Sent):
    """Where the camera is, as seen from the person's trunk."""

    azimuth_deg: float = Field(
        description="0 before the person, 90 at their right, 180 behind them; in [0, 360)."
    )
    elevation_deg: float = Field(
        description="Above the plane across the trunk, in [-90, 90]: positive towards the head."
    )


class PoseDepth(Sent):
    """Corrected poses."""

    model_config = with_examples(
        {
            "joint_names": ["nose", "left_eye"],
            "poses": [[[0.01, -0.62, -0.07], [0.04, -0.65, -0.04]]],
            "confidence": [[0.93, 0.94]],
            "camera": [{"azimuth_deg": 3.1, "elevation_deg": 4.2}],
            "units": {"length": "metre", "axes": "x right, y down, z away from the camera"},
        }
    )

    joint_names: list[str]
    poses: list[list[list[float]]] = Field(
        description="N poses like those of the request, with the middle of the hips as origin."
    )
    confidence: list[list[float]] = Field(
        description="Probability that a joint is within 0.1 m of its place, in [0, 1]."
    )
    camera: list[CameraDirection]
    units: dict[str, str]


def joint_names(refined: RefinedPoses) -> tuple[str, ...]:
    """Of the joints of each pose, in order."""
    return MEDIAPIPE_33_NAMES if refined.joints.shape[1] == NUM_LANDMARKS else COCO_17_NAMES


UNITS = {"length": "metre", "axes": "x right, y down, z away from the camera"}
