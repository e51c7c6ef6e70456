"""Draws a shaded mesh in 2D matplotlib axes, from back to front.

matplotlib's 3D axes sort 27,000 triangles slowly and have flat shading only.

V vertices, F faces.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

Array = np.ndarray[Any, np.dtype[Any]]

SKIN = (0.80, 0.72, 0.66)
_LIGHT = np.array([-0.35, 0.55, 0.76])
"""Direction to the light in the viewer's frame: upper left, in front."""
_AMBIENT = 0.35


def draw_mesh(
    axes: Axes,
    vertices: Array,
    faces: Array,
    azimuth_deg: float = 0.0,
    colours: Array | None = None,
) -> None:
    """Draw a mesh in orthographic projection.

    Args:
        axes: Emptied of ticks and frame, with equal scales.
        vertices: (V, 3), metres, Y up.
        faces: (F, 3), counter-clockwise seen from outside.
        azimuth_deg: Direction of the viewer: 0 in front (+Z), 90 on the person's left (+X).
        colours: (V, 3) RGB in [0, 1] of each vertex; by default that of skin.
    """
    azimuth = np.deg2rad(azimuth_deg)
    right = np.array([np.cos(azimuth), 0.0, -np.sin(azimuth)])
    towards = np.array([np.sin(azimuth), 0.0, np.cos(azimuth)])
    seen = vertices @ np.stack([right, [0.0, 1.0, 0.0], towards]).T
    corners = seen[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    front = np.flatnonzero(normals[:, 2] > 0)
    front = front[np.argsort(corners[front, :, 2].mean(axis=1), kind="stable")]
    shade = _vertex_shade(seen, faces, normals)[faces[front]].mean(axis=1)
    base = np.asarray(SKIN) if colours is None else colours[faces[front]].mean(axis=1)
    painted = np.clip(base * shade[:, None], 0, 1)
    axes.add_collection(
        # Edges in the same colour close the gaps between triangles.
        PolyCollection(
            list(corners[front, :, :2]), facecolors=painted, edgecolors=painted, linewidths=0.2
        )
    )
    axes.set_xlim(seen[:, 0].min() - 0.05, seen[:, 0].max() + 0.05)
    axes.set_ylim(seen[:, 1].min() - 0.05, seen[:, 1].max() + 0.05)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _vertex_shade(seen: Array, faces: Array, normals: Array) -> Array:
    """Lambertian shading of the vertices with area-weighted normals."""
    summed = np.zeros_like(seen)
    for corner in range(3):
        np.add.at(summed, faces[:, corner], normals)
    lengths = np.linalg.norm(summed, axis=1, keepdims=True)
    cosine = (summed / np.maximum(lengths, 1e-12)) @ (_LIGHT / np.linalg.norm(_LIGHT))
    shade: Array = _AMBIENT + (1 - _AMBIENT) * np.clip(cosine, 0, 1)
    return shade
