"""Moves and scales a driver's skeletons to where the drawn person stands, and to their height.

Source: Chan, Ginosar, Zhou, Efros, Everybody Dance Now, ICCV 2019, section 3.4 (global pose
normalisation). A person's lower ankle tells how near to the camera they stand: the height in the
picture is measured where it is lowest and where it is highest, and interpolated between.

N frames.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from model.errors import InvalidInputError
from model.synthesis.limbs import POINT_NAMES
from model.synthesis.skeletons import Skeletons

FAR, NEAR = 5.0, 95.0
"""Percentiles of the ankle's place that count as the farthest and the nearest."""
HEIGHT_PERCENTILE = 90.0
"""Percentile of the heights in the frames near to an end that counts as the person's height there:
who bends or jumps is not smaller."""
END_SHARE = 0.3
"""Share of the range between far and near within which a frame belongs to an end."""
LEAST_RANGE = 0.02
"""Of the ankle's places, over the picture's side; with a smaller one there is only one height."""
_ANKLES = [POINT_NAMES.index(f"{side}_ankle") for side in ("left", "right")]
_HIPS = [POINT_NAMES.index(f"{side}_hip") for side in ("left", "right")]


@dataclass(frozen=True)
class Stance:
    """Where a person stands in their pictures, over the picture's side."""

    far: float
    """y of the lower ankle when the person is farthest from the camera."""
    near: float
    """And when they are nearest."""
    far_height: float
    """From nose to lower ankle, there."""
    near_height: float
    centre: float
    """x of the middle of the hips: the median."""

    @classmethod
    def of(cls, skeletons: Skeletons) -> "Stance":
        """Measured over all frames with a person.

        Raises:
            InvalidInputError: There is none, or the nose is never above the ankles.
        """
        points = skeletons.points[skeletons.is_there]
        if not len(points):
            raise InvalidInputError("there is no person in any frame; at least one is needed")
        ankles = points[:, _ANKLES, 1].max(1)
        heights = ankles - points[:, 0, 1]
        far, near = (float(value) for value in np.percentile(ankles, (FAR, NEAR)))
        reach = END_SHARE * (near - far)
        if near - far < LEAST_RANGE:
            far = near = float(np.median(ankles))
            reach = np.inf
        far_height, near_height = (
            float(np.percentile(heights[np.abs(ankles - end) <= reach], HEIGHT_PERCENTILE))
            for end in (far, near)
        )
        if min(far_height, near_height) <= 0:
            raise InvalidInputError("the nose is never above the ankles; nobody stands upright")
        return cls(far, near, far_height, near_height, float(np.median(points[:, _HIPS, 0])))

    def numbers(self) -> Float32[np.ndarray, "5"]:
        """All of it, as a checkpoint holds it."""
        values = (self.far, self.near, self.far_height, self.near_height, self.centre)
        return np.array(values, np.float32)

    @classmethod
    def from_numbers(cls, numbers: Float32[np.ndarray, "5"]) -> "Stance":
        """What `numbers` gave."""
        return cls(*(float(number) for number in numbers))


def normalise(skeletons: Skeletons, source: Stance, target: Stance) -> Skeletons:
    """The driver's skeletons as if the drawn person had moved so.

    A frame keeps its pose. Where the driver's lower ankle is between their far and near place, the
    result's is as far between the target's, and the scale is the ratio of the heights there.

    Args:
        skeletons: Of the driver.
        source: The driver's.
        target: That of the person who is drawn.
    """
    points = skeletons.points
    ankles = points[:, _ANKLES, 1].max(1)
    depth = source.near - source.far
    share = ((ankles - source.far) / depth if depth > 0 else np.full(len(ankles), 0.5)).clip(0, 1)
    heights = [
        person.far_height + share * (person.near_height - person.far_height)
        for person in (source, target)
    ]
    scale = (heights[1] / heights[0]).astype(np.float32)[:, None, None]
    # A jump stays a jump: beyond the ends, the ankle's distance from the end is scaled too.
    from_y = source.far + share * depth
    to_y = target.far + share * (target.near - target.far)
    origin = _at(np.full(len(points), source.centre), from_y)
    goal = _at(np.full(len(points), target.centre), to_y)
    landmarks = skeletons.landmarks
    if landmarks is not None:
        plane = (landmarks[..., :2] - origin) * scale + goal
        landmarks = np.concatenate([plane, landmarks[..., 2:] * scale], -1).astype(np.float32)
    return Skeletons(((points - origin) * scale + goal).astype(np.float32), landmarks)


def _at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    places: np.ndarray = np.stack([x, y], -1).astype(np.float32)[:, None]
    return places
