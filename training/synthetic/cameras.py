"""Pinhole cameras that look at a person.

Everything stands in the camera's own frame: the camera at the origin, X to the right, Y up, looking
along -Z. A person who faces the camera faces +Z, as SMPL's bodies do at rest.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from training.synthetic.bodies import Floats

FIELD_OF_VIEW_DEG = (18.0, 58.0)
PITCH_DEG = (-8.0, 18.0)
"""How far the camera looks down."""
FRAMING = (0.7, 0.97)
"""Share of the picture's height or width that the person fills, whichever is tighter."""
CLOSE_SHARE = 0.15
"""Share of pictures that come closer and cut feet, head or sides off."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera."""

    focal: float
    """In pixels."""
    size: tuple[int, int]
    """(height, width) in pixels."""

    def project(self, points: Floats) -> Floats:
        """Points (N, 3) in the camera's frame -> pixels (N, 2), x right and y down.

        The centre of the picture's first pixel is at (0.5, 0.5).
        """
        height, width = self.size
        x = width / 2 + self.focal * points[:, 0] / -points[:, 2]
        y = height / 2 - self.focal * points[:, 1] / -points[:, 2]
        pixels: Floats = np.stack([x, y], axis=-1).astype(np.float32)
        return pixels


@dataclass(frozen=True)
class View:
    """A camera, and how the person stands before it."""

    camera: Camera
    orientation: Rotation
    """Of the person as a whole."""


def sample_view(rng: np.random.Generator, size: tuple[int, int]) -> View:
    """Mostly from the front, at any angle, looking slightly down or up."""
    turned = rng.normal(0, 40) if rng.random() < 0.65 else rng.uniform(-180, 180)
    pitch = rng.uniform(*PITCH_DEG)
    angles = [pitch, turned, rng.normal(0, 2)]
    fov = np.deg2rad(rng.uniform(*FIELD_OF_VIEW_DEG))
    focal = float(max(size) / 2 / np.tan(fov / 2))
    return View(Camera(focal, size), Rotation.from_euler("XYZ", angles, degrees=True))


def place(camera: Camera, points: Floats, rng: np.random.Generator) -> Floats:
    """Where to put a person so that the picture holds them: a translation (3,) in metres.

    Args:
        camera: Who looks.
        points: (N, 3) of the person, in the camera's directions, around the origin.
        rng: Decides framing and place.
    """
    low, high = points.min(0), points.max(0)
    height, width = camera.size
    close = rng.random() < CLOSE_SHARE
    share = rng.uniform(1.05, 1.6) if close else rng.uniform(*FRAMING)
    extent = high - low
    distance = camera.focal / share * max(extent[1] / height, extent[0] / width)
    centre = (low + high) / 2
    depth = max(distance + extent[2] / 2, extent[2] / 2 + 0.4)
    # What is left over around the person is shared out at random; when there is none, cut anywhere.
    slack = np.abs(np.array([width, height]) * depth / camera.focal - extent[:2]) / 2
    shift = rng.uniform(-0.9, 0.9, 2) * slack
    transl: Floats = np.array([shift[0], shift[1], -depth], np.float32) - centre
    return transl.astype(np.float32)
