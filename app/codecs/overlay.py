"""A mesh drawn over a photo: a small z-buffer rasteriser.

V vertices, F triangles, H W the picture's size.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int, UInt8

from app.codecs.faces import Topology

COLOUR = np.array([150, 190, 235], np.float32)
"""sRGB of the mesh in full light."""
OPACITY = 0.8
AMBIENT = 0.35
"""Share of the light that does not come from the camera."""
LEAST_DEPTH = 0.05
"""Metres before the camera. Triangles that reach nearer are left out."""
_CHUNK = 1 << 18
"""Pixels that are looked at together: of a picture of 50 million the copies would be gigabytes."""


@dataclass(frozen=True)
class SeenMesh:
    """A mesh and its camera, in the camera's axes: x right, y down, z forward."""

    vertices: Float32[np.ndarray, "V 3"]
    focal_px: float
    centre_px: tuple[float, float]
    colours: UInt8[np.ndarray, "V 3"] | None = None
    """Of each vertex in full light, sRGB; None for `COLOUR` everywhere."""


def draw_meshes(
    image: UInt8[np.ndarray, "H W 3"], meshes: list[SeenMesh], topology: Topology
) -> UInt8[np.ndarray, "H W 3"]:
    """The photo with the meshes over it; what is nearer hides what is further."""
    height, width = image.shape[:2]
    nearest = np.full(height * width, np.inf, np.float32)
    painted = np.zeros((height * width, 3), np.uint8)
    for mesh in meshes:
        _rasterise(mesh, topology, (height, width), nearest, painted)
    pixels = image.reshape(-1, 3).copy()
    for start in range(0, len(pixels), _CHUNK):
        drawn = start + np.flatnonzero(np.isfinite(nearest[start : start + _CHUNK]))
        under = pixels[drawn].astype(np.float32)
        pixels[drawn] = np.rint(under + OPACITY * (painted[drawn] - under)).astype(np.uint8)
    return pixels.reshape(image.shape)


def _rasterise(
    mesh: SeenMesh,
    topology: Topology,
    size: tuple[int, int],
    nearest: Float32[np.ndarray, "P"],  # noqa: F821
    painted: UInt8[np.ndarray, "P 3"],
) -> None:
    """Enter a mesh into the buffers of depth and colour, which are the picture's pixels in rows."""
    height, width = size
    depth = mesh.vertices[:, 2]
    safe = np.maximum(depth, LEAST_DEPTH)
    points = mesh.vertices[:, :2] * (mesh.focal_px / safe)[:, None] + np.array(
        mesh.centre_px, np.float32
    )
    base = COLOUR if mesh.colours is None else mesh.colours.astype(np.float32)
    lit = _facing(mesh, topology)[:, None] * base
    faces = topology.faces[(depth[topology.faces] > LEAST_DEPTH).all(axis=1)]
    corners = points[faces]
    # The middle of the first pixel is at (0.5, 0.5).
    low = np.ceil(corners.min(axis=1) - 0.5).clip(0).astype(np.int64)
    high = np.floor(corners.max(axis=1) - 0.5).clip(-1, [width - 1, height - 1]).astype(np.int64)
    spans = (high - low + 1).clip(0)
    counts = spans.prod(axis=1)
    kept = np.flatnonzero(counts)
    ends = np.cumsum(counts[kept])
    first = 0
    while first < len(kept):
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + _CHUNK, side="right")))
        chosen = kept[first:last]
        _enter(
            faces[chosen], points, safe, lit, low[chosen], spans[chosen], width, nearest, painted
        )
        first = last


def _enter(
    faces: Int[np.ndarray, "F 3"],
    points: Float32[np.ndarray, "V 2"],
    depth: Float32[np.ndarray, "V"],  # noqa: F821
    lit: Float32[np.ndarray, "V 3"],
    low: Int[np.ndarray, "F 2"],
    spans: Int[np.ndarray, "F 2"],
    width: int,
    nearest: Float32[np.ndarray, "P"],  # noqa: F821
    painted: UInt8[np.ndarray, "P 3"],
) -> None:
    """Every pixel of every triangle's box, inside or not."""
    counts = spans.prod(axis=1)
    owner = np.repeat(np.arange(len(faces)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    rows, columns = np.divmod(number, spans[owner, 0])
    x, y = columns + low[owner, 0], rows + low[owner, 1]
    a, b, c = (points[faces[:, corner]][owner].astype(np.float64).T for corner in range(3))
    at = np.stack([x + 0.5, y + 0.5])
    shares = np.stack([_cross(b - at, c - at), _cross(c - at, a - at), _cross(a - at, b - at)])
    area = shares.sum(axis=0)
    inside = ((shares * np.sign(area) >= 0).all(axis=0)) & (area != 0)
    weights = shares[:, inside] / area[inside]
    corners = faces[owner[inside]].T
    # 1 / z is linear in the picture.
    here = (1 / (weights / depth[corners]).sum(axis=0)).astype(np.float32)
    pixels = y[inside] * width + x[inside]
    shown = here < nearest[pixels]
    pixels, here, weights, corners = (
        pixels[shown],
        here[shown],
        weights[:, shown],
        corners[:, shown],
    )
    # Of several values for a pixel the last one stays: the nearest comes last.
    order = np.argsort(-here, kind="stable")
    nearest[pixels[order]] = here[order]
    colours = (weights[..., None] * lit[corners]).sum(axis=0)
    painted[pixels[order]] = np.rint(colours[order]).astype(np.uint8)


def _facing(mesh: SeenMesh, topology: Topology) -> Float32[np.ndarray, "V"]:  # noqa: F821
    """Light of each vertex from a lamp at the camera, in [0, 1]."""
    normals = topology.vertex_normals(mesh.vertices)
    towards = mesh.vertices / np.maximum(
        np.linalg.norm(mesh.vertices, axis=1, keepdims=True), LEAST_DEPTH
    )
    cosines = np.abs((normals * towards).sum(axis=1))
    lit: np.ndarray = (AMBIENT + (1 - AMBIENT) * cosines).astype(np.float32)
    return lit


def _cross(
    one: Float32[np.ndarray, "2 N"], other: Float32[np.ndarray, "2 N"]
) -> Float32[np.ndarray, "N"]:  # noqa: F821
    area: np.ndarray = one[0] * other[1] - one[1] * other[0]
    return area
