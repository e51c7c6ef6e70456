"""What a reconstruction says of one person.

N betas, V vertices, K keypoints, M measurements.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True)
class Warned:
    """Why to trust a result less, or a part of it."""

    code: str
    """Machine-readable: a key of `evidence.CODES`."""
    detail: str
    """In words."""


@dataclass(frozen=True)
class MeasuredInterval:
    """A measurement, and where its true value is in nine of ten people."""

    name: str
    """A name of `model.body.measurements.MEASUREMENTS`."""
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Reconstruction:
    """A person's body. SMPL's axes, Y up, unless it says otherwise; metres and radians."""

    box: Float32[np.ndarray, "4"]
    """Left, top, right, bottom in pixels of the picture."""
    keypoints: Float32[np.ndarray, "K 3"]
    """COCO's 17: x, y in pixels, and a score in [0, 1]."""
    betas: Float32[np.ndarray, "N"]  # noqa: F821
    covariance: Float32[np.ndarray, "N N"]
    """Of the betas."""
    body_pose: Float32[np.ndarray, "23 3"]
    """Axis-angle of joints 1 to 23, relative to their parents."""
    global_orient: Float32[np.ndarray, "3"]
    """Axis-angle of the pelvis; zero for a person who stands upright and faces the camera."""
    transl: Float32[np.ndarray, "3"]
    """X right, Y up, the camera at the origin looking along -Z."""
    focal_px: float
    centre_px: tuple[float, float]
    """A point in the camera's axes is seen at focal * (x, y) / z + centre."""
    joints: Float32[np.ndarray, "24 3"]
    """In the camera's axes: X right, Y down, Z forward."""
    vertices: Float32[np.ndarray, "V 3"]
    """Likewise."""
    measurements: tuple[MeasuredInterval, ...]
    warnings: tuple[Warned, ...]

    @property
    def betas_std(self) -> Float32[np.ndarray, "N"]:  # noqa: F821
        """Standard deviation of each beta."""
        deviations: np.ndarray = np.sqrt(np.diagonal(self.covariance))
        return deviations
