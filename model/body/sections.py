"""Plane sections of parts of bodies, and the length of a tape around them.

B bodies, V vertices, K planes, E edges, P points, D directions.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from model.errors import InvalidInputError

NUM_DIRECTIONS = 64
"""Breadths whose mean gives a girth: it is right to 0.02 % at worst, whatever the section."""
Bodies = Float[np.ndarray, "B V 3"]
PerBody = Float[np.ndarray, "B"]
FORWARD = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Planes:
    """K planes through each of B bodies. None may face +Z or -Z."""

    origins: Float[np.ndarray, "B K 3"]
    normals: Float[np.ndarray, "B K 3"]
    """Unit vectors."""

    @classmethod
    def level(cls, heights: Float[np.ndarray, "B K"]) -> "Planes":
        """Horizontal ones."""
        origins = np.zeros((*heights.shape, 3), heights.dtype)
        origins[..., 1] = heights
        normals = np.zeros_like(origins)
        normals[..., 1] = 1
        return cls(origins, normals)

    @classmethod
    def across(
        cls,
        start: Float[np.ndarray, "B 3"],
        bone: Float[np.ndarray, "B 3"],
        shares: Float[np.ndarray, "#B K"] | None = None,
    ) -> "Planes":
        """Perpendicular to a bone.

        Args:
            start: Where it starts.
            bone: From there to its end.
            shares: Where on it; one plane at its start when left out.
        """
        bone = bone[:, None]
        origins = start[:, None]
        if shares is not None:
            origins = origins + shares[..., None] * bone
        normals = bone / np.linalg.norm(bone, axis=-1, keepdims=True)
        return cls(origins, np.broadcast_to(normals, origins.shape))


class Part:
    """A part of the bodies of one topology: what a section leaves out is not in it."""

    def __init__(
        self,
        name: str,
        members: Bool[np.ndarray, "V"],  # noqa: F821
        edges: Int[np.ndarray, "E 2"],
    ) -> None:
        """Choose the edges.

        Args:
            name: For messages.
            members: Which vertices belong to the part.
            edges: Of the whole mesh; those with both ends in the part are kept.
        """
        inside = edges[members[edges].all(axis=1)]
        self._name = name
        self._vertices, renumbered = np.unique(inside, return_inverse=True)
        self._starts, self._ends = renumbered.reshape(-1, 2).T.copy()

    def girths(self, bodies: Bodies, planes: Planes) -> Float[np.ndarray, "B K"]:
        """Length of a tape around each section: the perimeter of its convex hull.

        It is pi times the hull's mean breadth over all directions (Cauchy's formula).

        Raises:
            InvalidInputError: A plane misses the part.
        """
        angles = np.arange(NUM_DIRECTIONS) * (np.pi / NUM_DIRECTIONS)
        low, high = self._extents(
            bodies, planes, np.stack([np.cos(angles), np.sin(angles)]).astype(bodies.dtype)
        )
        girths: np.ndarray = (high - low).mean(axis=-1) * np.pi
        return girths

    def extreme_girth(
        self,
        bodies: Bodies,
        start: Float[np.ndarray, "B 3"],
        end: Float[np.ndarray, "B 3"],
        shares: Float[np.ndarray, "K"],  # noqa: F821
        sign: int,
    ) -> PerBody:
        """The largest girth across a bone, or the smallest.

        Args:
            bodies: What is measured.
            start: Of the bone.
            end: Of the bone.
            shares: Evenly spaced places on the bone to look at.
            sign: 1 for the largest, -1 for the smallest.

        Raises:
            InvalidInputError: A plane misses the part.
        """
        bone, places = end - start, shares.astype(bodies.dtype)[None]
        sampled = sign * self.girths(bodies, Planes.across(start, bone, places))
        place = place_of_largest(sampled, places)
        between = sign * self.girths(bodies, Planes.across(start, bone, place[:, None]))
        largest: np.ndarray = np.concatenate([sampled, between], axis=1).max(axis=1)
        return sign * largest

    def depths(
        self, bodies: Bodies, planes: Planes
    ) -> tuple[Float[np.ndarray, "B K"], Float[np.ndarray, "B K"]]:
        """How far back and how far forward each section reaches from its plane's origin.

        Raises:
            InvalidInputError: A plane misses the part.
        """
        low, high = self._extents(bodies, planes, np.array([[0.0], [1.0]], bodies.dtype))
        return low[..., 0], high[..., 0]

    def _extents(
        self,
        bodies: Bodies,
        planes: Planes,
        directions: Float[np.ndarray, "2 D"],
    ) -> tuple[Float[np.ndarray, "B K D"], Float[np.ndarray, "B K D"]]:
        """Of each section along directions (sideways, forward) in its plane."""
        normals = planes.normals
        offsets = (normals * planes.origins).sum(axis=-1, keepdims=True)
        points = bodies[:, self._vertices]
        above = normals @ points.transpose(0, 2, 1) - offsets
        is_above = above > 0
        crossed = is_above[..., self._starts] != is_above[..., self._ends]
        section, edge = np.divmod(np.flatnonzero(crossed), crossed.shape[2])
        body, plane = np.divmod(section, crossed.shape[1])
        counts = np.bincount(section, minlength=above[..., 0].size)
        if (counts == 0).any():
            raise InvalidInputError(
                f"the {self._name} cannot be measured: there is nothing where it should be; the "
                "vertices must be those of a person in the T-pose, in metres, Y up"
            )
        start, end = self._starts[edge], self._ends[edge]
        before, behind = above[body, plane, start], above[body, plane, end]
        share = (before / (before - behind))[:, None]
        cut = points[body, start] * (1 - share) + points[body, end] * share
        forward = FORWARD.astype(bodies.dtype) - normals[..., 2:] * normals
        forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
        sideways = np.cross(normals, forward)
        cut -= planes.origins[body, plane]
        flat = np.stack(
            [(cut * axis[body, plane]).sum(axis=-1) for axis in (sideways, forward)], axis=-1
        )
        along = flat @ directions
        first = np.cumsum(counts) - counts
        shape = (*above.shape[:2], directions.shape[1])
        low, high = (f.reduceat(along, first, axis=0) for f in (np.minimum, np.maximum))
        return low.reshape(shape), high.reshape(shape)


def place_of_largest(
    values: Float[np.ndarray, "B K"], places: Float[np.ndarray, "#B K"]
) -> PerBody:
    """Vertex of the parabola through the largest value and its neighbours.

    It moves without jumps when the body changes, as the largest of K does not.

    Args:
        values: Sampled.
        places: Where, evenly spaced.
    """
    middle = np.clip(values.argmax(axis=1), 1, values.shape[1] - 2)
    before, at, after = (
        np.take_along_axis(values, (middle + step)[:, None], axis=1)[:, 0] for step in (-1, 0, 1)
    )
    bend = 2 * at - before - after
    moved = np.where(bend > 0, (after - before) / (2 * np.where(bend > 0, bend, 1)), 0)
    first, spacing = places[:, 0], places[:, 1] - places[:, 0]
    place: np.ndarray = first + spacing * (middle + np.clip(moved, -1, 1))
    return place
