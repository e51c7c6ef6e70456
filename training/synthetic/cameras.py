"""Pinhole cameras that look at a person.

Everything stands in the camera's own frame: the camera at the origin, X to the right, Y up, looking
along -Z. A person who faces the camera faces +Z, as SMPL's bodies do at rest.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from training.synthetic.bodies import Floats

FIELD_OF_VIEW_DEG = (18.0, 62.0)
"""Across the longer side; with the framing it decides the distance: some 1.5 to 9 metres."""
WIDE_ANGLE, WIDE_DEG = 0.12, (62.0, 95.0)
"""Share of wide lenses, and their field of view."""
HEIGHT = (1.35, 0.4, 0.25, 2.6)
"""Of the camera above the ground in metres: mean, spread, least, greatest."""
FROM_ABOVE, HIGH = 0.1, (2.5, 5.5)
"""Share of cameras at a window, on stairs or a mast, and their heights in metres."""
FROM_BELOW, LOW = 0.06, (0.1, 0.5)
"""Share of cameras near the ground, and their heights in metres."""
LOOKS_DOWN_DEG = (-25.0, 60.0)
"""Least and greatest angle of the view below the horizon."""
ROLL_DEG = 2.0
"""Spread of the camera's tilt."""
TILTED, TILT_DEG = 0.1, 12.0
"""Share of cameras that are held askew, and the spread of their tilt."""
LEAN_DEG = 2.0
"""Spread of the person's own."""
FRONTAL, FRONTAL_SPREAD_DEG = 0.65, 40.0
"""Share of people who face the camera, and how exactly; the others are turned away anyhow."""
Crop = Literal["whole", "feet cut", "head cut", "anywhere"]
CROPS: dict[Crop, float] = {"whole": 0.76, "feet cut": 0.14, "head cut": 0.03, "anywhere": 0.07}
"""How often each is drawn."""
FRAMING = (0.7, 0.97)
"""Share of the picture's height or width that a whole person fills, whichever is tighter."""
CLOSE_FRAMING = (1.1, 1.9)
"""Likewise of a person who is cut."""
LEAST_DEPTH = 0.4
"""Metres between the camera and the nearest of the body."""


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

    def rays(self) -> Floats:
        """Direction (H, W, 3) through the middle of each pixel, one metre deep."""
        height, width = self.size
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32) + np.float32(0.5)
        across, up = (columns - width / 2) / self.focal, (height / 2 - rows) / self.focal
        directions: Floats = np.stack([across, up, -np.ones_like(up)], axis=-1).astype(np.float32)
        return directions


@dataclass(frozen=True)
class View:
    """A camera, and how the person stands before it."""

    camera: Camera
    orientation: Rotation
    """Of the person as a whole."""
    up: Floats
    """(3,) away from the ground, in the camera's frame."""
    crop: Crop


def sample_view(rng: np.random.Generator, size: tuple[int, int]) -> View:
    """Mostly from the front, from any side, from any height, looking at the person's middle."""
    frontal = rng.random() < FRONTAL
    turned = rng.normal(0, FRONTAL_SPREAD_DEG) if frontal else rng.uniform(-180, 180)
    wide = rng.random() < WIDE_ANGLE
    fov = np.deg2rad(rng.uniform(*(WIDE_DEG if wide else FIELD_OF_VIEW_DEG)))
    focal = float(max(size) / 2 / np.tan(fov / 2))
    crop = list(CROPS)[int(rng.choice(len(CROPS), p=list(CROPS.values())))]
    height = _camera_height(rng)
    distance = 2 * focal / min(size)  # of somebody who fills most of the picture
    looks_down = np.clip(np.rad2deg(np.arctan2(height - 0.9, distance)), *LOOKS_DOWN_DEG)
    roll = rng.normal(0, TILT_DEG if rng.random() < TILTED else ROLL_DEG)
    ground = Rotation.from_euler("ZX", [roll, looks_down], degrees=True)
    person = Rotation.from_euler("YZ", [turned, rng.normal(0, LEAN_DEG)], degrees=True)
    up = ground.apply([0.0, 1.0, 0.0]).astype(np.float32)
    return View(Camera(focal, size), ground * person, up, crop)


def _camera_height(rng: np.random.Generator) -> float:
    where = rng.random()
    if where < FROM_ABOVE:
        return float(rng.uniform(*HIGH))
    if where < FROM_ABOVE + FROM_BELOW:
        return float(rng.uniform(*LOW))
    mean, spread, least, greatest = HEIGHT
    return float(np.clip(rng.normal(mean, spread), least, greatest))


def place(view: View, points: Floats, rng: np.random.Generator) -> Floats:
    """Where to put a person so that the picture holds them: a translation (3,) in metres.

    Args:
        view: Who looks, and what is to be cut off.
        points: (N, 3) of the person, in the camera's directions, around the origin.
        rng: Decides framing and place.
    """
    columns = np.ascontiguousarray(points.T)  # a minimum along these is ten times as quick
    low, high = columns.min(1), columns.max(1)
    camera = view.camera
    height, width = camera.size
    share = rng.uniform(*(FRAMING if view.crop == "whole" else CLOSE_FRAMING))
    extent = high - low
    distance = camera.focal / share * max(extent[1] / height, extent[0] / width)
    centre = (low + high) / 2
    depth = max(distance + extent[2] / 2, extent[2] / 2 + LEAST_DEPTH)
    # What is left over around the person is shared out at random; when there is none, cut there.
    slack = np.abs(np.array([width, height]) * depth / camera.focal - extent[:2]) / 2
    aside, raised = rng.uniform(-0.9, 0.9, 2)
    if view.crop == "feet cut":
        raised = -rng.uniform(0.85, 1.1)
    elif view.crop == "head cut":
        raised = rng.uniform(0.5, 1.0)
    transl: Floats = (np.array([aside, raised, 0]) * np.append(slack, 0)).astype(np.float32)
    transl -= (centre + np.array([0, 0, depth])).astype(np.float32)
    return transl
