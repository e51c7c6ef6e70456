"""Simple solid shapes: what bags, hats' brims, poles and seats are made of.

V vertices, F triangles, all around the origin, in metres.
"""

from functools import cache

import numpy as np

from training.synthetic.bodies import Floats, Ints

Solid = tuple[Floats, Ints]


def superellipsoid(half: Floats, squareness: float, rings: int = 10, segments: int = 16) -> Solid:
    """From an ellipsoid to a box with round edges.

    Source: Barr, Superquadrics and angle-preserving transformations, 1981.

    Args:
        half: (3,) half of its extent along each axis.
        squareness: 0 for an ellipsoid, towards 1 for a box.
        rings: From pole to pole; the poles lie on Y.
        segments: Around Y.
    """
    latitude = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    longitude = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    power = 1 - squareness
    ring, height = _power(np.cos(latitude), power), _power(np.sin(latitude), power)
    across, along = _power(np.sin(longitude), power), _power(np.cos(longitude), power)
    points = np.stack(
        [
            np.outer(ring, across),
            np.repeat(height[:, None], segments, axis=1),
            np.outer(ring, along),
        ],
        axis=-1,
    )
    return (points.reshape(-1, 3) * half).astype(np.float32), _net(rings + 1, segments)


def lathe(profile: Floats, segments: int = 20) -> Solid:
    """A profile (N, 2) of radius and height, turned around Y."""
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    radius, height = profile.T
    points = np.stack(
        [
            np.outer(radius, np.sin(angle)),
            np.repeat(height[:, None], segments, axis=1),
            np.outer(radius, np.cos(angle)),
        ],
        axis=-1,
    )
    return points.reshape(-1, 3).astype(np.float32), _net(len(profile), segments)


def tube(path: Floats, radii: Floats, segments: int = 8) -> Solid:
    """A round tube along a path (N, 3), of radius radii (N,); open at its ends."""
    ahead = np.gradient(path, axis=0)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    # The axis that the path runs along least is never parallel to it.
    aside = np.eye(3)[np.argmin(np.abs(ahead).max(0))]
    first = np.cross(ahead, aside)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-9)
    second = np.cross(ahead, first)
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)[:, None]
    around = np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None]
    points = path[:, None] + np.reshape(radii, (-1, 1, 1)) * around
    return points.reshape(-1, 3).astype(np.float32), _net(len(path), segments)


def joined(solids: list[Solid]) -> Solid:
    """Several as one."""
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in solids[:-1])])
    faces = [part + start for (_, part), start in zip(solids, starts, strict=True)]
    return np.concatenate([vertices for vertices, _ in solids]), np.concatenate(faces)


def _power(values: Floats, power: float) -> Floats:
    raised: Floats = np.sign(values) * np.abs(values) ** power
    return raised


@cache
def _net(rings: int, segments: int) -> Ints:
    """Triangles between neighbouring rings of vertices; read-only, as it is shared."""
    ring, segment = np.meshgrid(np.arange(rings - 1), np.arange(segments), indexing="ij")
    a = (ring * segments + segment).ravel()
    b = (ring * segments + (segment + 1) % segments).ravel()
    c, d = a + segments, b + segments
    faces: Ints = np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)])
    faces.setflags(write=False)
    return faces
