"""Wire types of a person in new poses."""

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from app.schemas.common import Number, Received, with_examples
from model.synthesis.limbs import NUM_POINTS, POINT_NAMES
from model.synthesis.skeletons import NUM_LANDMARKS, Skeletons

MAX_FRAMES = 300
"""Ten seconds at 30 frames a second."""
MAX_SYNTHESIS_VALUES = MAX_FRAMES * NUM_LANDMARKS * 5 + 1000
"""Commas and brackets of so many frames of 33 landmarks."""
_UPRIGHT = [
    *([0.5, 0.2], [0.56, 0.3], [0.44, 0.3], [0.6, 0.42], [0.4, 0.42], [0.62, 0.53], [0.38, 0.53]),
    *([0.54, 0.52], [0.46, 0.52], [0.55, 0.69], [0.45, 0.69], [0.55, 0.86], [0.45, 0.86]),
]
"""Somebody who stands before the camera: left is the person's own left."""
_ARM_RAISED = [*_UPRIGHT[:3], [0.64, 0.24], _UPRIGHT[4], [0.66, 0.12], *_UPRIGHT[6:]]

Landmark = Annotated[list[Number], Field(min_length=2, max_length=3)]
Frame = Annotated[
    list[Landmark], Field(fail_fast=True, min_length=NUM_POINTS, max_length=NUM_LANDMARKS)
]


class SynthesisRequest(Received):
    """Skeletons of consecutive frames."""

    model_config = with_examples(
        {"landmarks": [_UPRIGHT]}, {"landmarks": [_UPRIGHT, None, _ARM_RAISED]}
    )

    landmarks: Annotated[
        list[Frame | None],
        Field(
            fail_fast=True,
            min_length=1,
            max_length=MAX_FRAMES,
            description="For each frame MediaPipe's 33 landmarks [x, y] or [x, y, z], or 13 points "
            f"[x, y]: {', '.join(POINT_NAMES)}. Left is the person's own left. Coordinates are "
            "fractions of the side of a square picture, x right and y down. A frame may be null: "
            "its skeleton is interpolated between its neighbours', or the nearest one is held.",
        ),
    ]

    @model_validator(mode="after")
    def _of_one_kind(self) -> "SynthesisRequest":
        shapes = {
            (len(frame), len(landmark))
            for frame in self.landmarks
            if frame is not None
            for landmark in frame
        }
        if not shapes:
            raise ValueError("every frame is null; at least one skeleton is needed")
        allowed = ((NUM_LANDMARKS, 2), (NUM_LANDMARKS, 3), (NUM_POINTS, 2))
        if len(shapes) > 1 or not shapes <= set(allowed):
            found = " and ".join(f"{points} x {numbers}" for points, numbers in sorted(shapes)[:3])
            raise ValueError(
                f"frames have {found} numbers; all must have 33 x 2, all 33 x 3, or all 13 x 2"
            )
        return self

    def skeletons(self) -> Skeletons:
        """As arrays; NaN where a frame is null."""
        shape = next(np.shape(frame) for frame in self.landmarks if frame is not None)
        nobody = np.full(shape, np.nan, np.float32)
        frames = [nobody if frame is None else frame for frame in self.landmarks]
        return Skeletons.of(np.array(frames, np.float32))
