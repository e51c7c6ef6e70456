"""Where garments begin and end.

All outlines are drawn on the T-pose, where arms lie along X and legs along Y, so that sleeves end
at an |x| and hems at a y.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.synthetic.bodies import Floats, RestBody


@dataclass(frozen=True)
class Outline:
    """The line along which a garment is cut; infinite where it does not end. Metres."""

    top: float = np.inf
    """Height of its upper edge."""
    hem: float = -np.inf
    """Height of its lower edge."""
    sleeve: float = np.inf
    """|x| at which the sleeves end."""
    shoulder: float = 0.0
    """Height of the shoulders; sleeves are looked for around it."""
    neck: Floats | None = None
    """Centre (3,) of the ball that is cut out for the neck."""
    neckline: float = 0.0
    """Radius of that ball."""
    opening: float = 0.0
    """Half the width of the strip that is left open in front."""
    ragged: float = 0.0
    """Amplitude of the hem's wobble."""
    phase: float = 0.0
    """Where around the body the wobble starts, in radians."""

    def __call__(self, points: Floats) -> Floats:
        """How far inside the outline rest positions (N, 3) are, in metres; negative outside."""
        x, y, z = points.T
        angle = np.arctan2(x, z)
        wobble = self.ragged * np.sin(3 * angle + self.phase + np.sin(5 * angle))
        distance = np.minimum(self.top - y, y - self.hem + wobble)
        # Hips may be wider than a short sleeve: only what is at the arms' height is a sleeve.
        on_arm = y > self.shoulder - 0.14
        distance = np.where(on_arm, np.minimum(distance, self.sleeve - np.abs(x)), distance)
        if self.neck is not None:
            distance = np.minimum(
                distance, np.linalg.norm(points - self.neck, axis=1) - self.neckline
            )
        if self.opening > 0:
            distance = np.where(z > 0, np.minimum(distance, np.abs(x) - self.opening), distance)
        cloth: Floats = distance.astype(np.float32)
        return cloth


def progress(top: float, hem: float) -> Callable[[Floats], Floats]:
    """How far points are from a garment's top (0) to its hem (1), by height in metres."""

    def share_of(points: Floats) -> Floats:
        share: Floats = (top - points[:, 1]) / max(top - hem, 0.05)
        return share

    return share_of


@dataclass(frozen=True)
class Cap:
    """Above a plane that rises from the nape to the forehead."""

    level: float
    """Height of the plane at the head's joint."""
    slope: float
    """Its rise to the front."""
    nape: float
    """Height below which nothing is."""
    depth: float
    """z of the head's joint."""

    @classmethod
    def on(cls, body: RestBody, share: float, slope: float) -> "Cap":
        """On a head; `share` is the plane's height between joint (0) and crown (1)."""
        head = body.joint("head")
        crown = float(body.surface[:, 1].max())
        level = float(head[1]) + share * (crown - float(head[1]))
        return cls(level, slope, float(head[1]) - 0.02, float(head[2]))

    def __call__(self, points: Floats) -> Floats:
        """Signed distance (N,) of rest positions (N, 3), roughly in metres."""
        above = self.above(points)
        return within(above, points[:, 1] - self.nape)

    def above(self, points: Floats) -> Floats:
        """How far rest positions (N, 3) are above the plane, (N,)."""
        distance: Floats = points[:, 1] - self.level - self.slope * (points[:, 2] - self.depth)
        return distance


def within(*distances: Floats) -> Floats:
    """Inside of several outlines at once, each given as signed distances (N,)."""
    least: Floats = np.min(distances, axis=0).astype(np.float32)
    return least


def everywhere_else(points: Floats) -> Floats:
    """The outline of what covers no skin: solid things."""
    return np.full(len(points), -1, np.float32)
