"""Measurements of bodies in T-pose: stature, mass and the girths of a tape.

V vertices, F triangles.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from model.body.measurements import DENSITY

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

NAVEL, NIPPLE = 4121, 1762
"""Vertices of MakeHuman's base mesh at the levels of waist and chest."""
_HIPS = np.linspace(0.045, 0.115, 8)
"""Levels below the navel where the largest girth is the hips', in statures."""


@dataclass(frozen=True)
class Measurements:
    """Of one body."""

    stature: float
    """Metres."""
    mass: float
    """Kilograms."""
    chest: float
    """Metres around the nipples."""
    waist: float
    """Metres around the navel."""
    hips: float
    """Metres where they are widest around."""

    @property
    def bmi(self) -> float:
        """Body mass index in kg/m^2."""
        return self.mass / self.stature**2


class Tape:
    """Measures bodies of one topology."""

    def __init__(self, faces: Ints, trunk: NDArray[np.bool_], base_vertices: Ints) -> None:
        """Prepare.

        Args:
            faces: (F, 3).
            trunk: (V,) whether a vertex is not of an arm.
            base_vertices: (V,) each vertex's index in MakeHuman's base mesh.
        """
        self._faces = faces
        self._trunk = faces[trunk[faces].all(1)]
        self._navel, self._nipple = (
            int(np.flatnonzero(base_vertices == vertex)[0]) for vertex in (NAVEL, NIPPLE)
        )

    def __call__(self, vertices: Floats) -> Measurements:
        """Measure a body (V, 3) that stands along Y."""
        a, b, c = vertices[self._faces].astype(np.float64).transpose(1, 0, 2)
        volume = abs(float((np.cross(a, b) * c).sum())) / 6
        stature = float(np.ptp(vertices[:, 1]))
        navel = float(vertices[self._navel, 1])
        return Measurements(
            stature=stature,
            mass=volume * DENSITY,
            chest=self._girth(vertices, float(vertices[self._nipple, 1])),
            waist=self._girth(vertices, navel),
            hips=max(self._girth(vertices, navel - share * stature) for share in _HIPS),
        )

    def _girth(self, vertices: Floats, level: float) -> float:
        """Of the trunk at a height: the tape spans hollows."""
        above = vertices[:, 1] - level
        high = above[self._trunk] > 0
        cut = self._trunk[high.any(1) & ~high.all(1)]
        points = []
        for one, other in ((0, 1), (1, 2), (2, 0)):
            a, b = cut[:, one], cut[:, other]
            crossed = (above[a] > 0) != (above[b] > 0)
            a, b = a[crossed], b[crossed]
            share = (above[a] / (above[a] - above[b]))[:, None]
            points.append(vertices[a] * (1 - share) + vertices[b] * share)
        return float(ConvexHull(np.concatenate(points)[:, [0, 2]]).area)
