"""Rasterising with Warp, on the CPU or a CUDA device.

A depth buffer instead of ray casting: nothing has to be built for a new pose, and at training
sizes most triangles are smaller than a pixel.

H W the picture's size, V vertices, F triangles, P pixels (or samples) that are filled, N points.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp

from training.synthetic.bodies import Floats, Ints
from training.synthetic.cameras import Camera
from training.synthetic.raster_kernels import (
    EMPTY,
    interpolate,
    mat34,
    project,
    project_parallel,
    rasterise,
    receive_light,
    resolve,
)

NOTHING = int(EMPTY.value)
NEAREST = 0.05
"""Metres; a triangle that comes nearer to the camera is not drawn."""
LIGHT_MAP_SIDE = 144
"""Pixels; a person of two metres then has a shadow map of a centimetre and a half's grain."""
BIAS = 0.03
"""Metres; what is nearer to a point casts no shadow on it."""


@dataclass(frozen=True)
class Hits:
    """What each ray met first."""

    naked: Any
    """(H, W) bool: the body, were it naked."""
    pixels: Ints
    """(P,) flat indices of the pixels that show something."""
    faces: Ints
    """(P,) triangle; the body's come first, then the garments', then the props'."""
    barycentric: Floats
    """(P, 3) weights of the triangle's corners."""
    hidden: float
    """Share of the naked body's pixels that props hide, in [0, 1]."""


@dataclass(frozen=True)
class Mesh:
    """A scene where the renderer can see it: the body's triangles, the clothes', the props'."""

    vertices: Any
    """(V,) Warp array of vec3."""
    faces: Any
    """(3F,) Warp array of int32."""
    ends: tuple[int, int, int]
    """Of the body's triangles, of the clothes', of all."""
    host: Floats
    """(V, 3) the vertices once more, in this process's memory."""


@dataclass(frozen=True)
class AtRest:
    """What vertices were before they were moved."""

    vertices: Floats
    """(V, 3)"""
    normals: Floats
    """(V, 3) unit."""
    transforms: Floats
    """(V, 3, 4) what has happened to them since."""


class Renderer:
    """Draws one scene at a time: a body, what it wears, and what stands around."""

    def __init__(self, device: str | None = None) -> None:
        """Prepare.

        Args:
            device: Of Warp; a CUDA device where there is one, else the CPU.
        """
        wp.config.quiet = True
        wp.config.enable_backward = False
        wp.init()
        self.device = wp.get_device(device)

    def load(self, vertices: Floats, faces: Ints, ends: tuple[int, int, int]) -> Mesh:
        """A scene as the renderer wants it.

        Args:
            vertices: (V, 3) in the camera's frame.
            faces: (F, 3): first the body's; then those of all that is worn; then props', which
                hide the person where they are nearer, naked and dressed.
            ends: Of these three parts.
        """
        flat = faces.astype(np.int32, copy=False).ravel()
        indices = wp.array(flat, copy=False, device=self.device)
        return Mesh(self._vectors(vertices), indices, ends, vertices)

    def draw(self, mesh: Mesh, camera: Camera, samples: int = 1) -> Hits:
        """One ray through the middle of each pixel, or of each of samples x samples parts of it.

        Args:
            mesh: From `load`.
            camera: Who looks.
            samples: Along each side of a pixel; the result has samples times the size.
        """
        height, width = (side * samples for side in camera.size)
        num = height * width
        points = wp.empty_like(mesh.vertices)
        middle = wp.vec2(width / 2, height / 2)
        inputs = [mesh.vertices, camera.focal * samples, middle, NEAREST, points]
        self._launch(project, len(points), inputs)
        keys = self._rasterise(points, mesh, mesh.ends, (height, width), perspective=True)
        naked = wp.empty(num, dtype=wp.uint8, device=self.device)
        face = wp.empty(num, dtype=wp.int32, device=self.device)
        barycentric = wp.empty(num, dtype=wp.vec3, device=self.device)
        self._launch(resolve, num, [keys, points, mesh.faces, width, naked, face, barycentric])
        found, body = face.numpy(), naked.numpy()
        pixels = np.flatnonzero(found >= 0)
        seen = int(np.count_nonzero(body == 1))
        return Hits(
            (body == 1).reshape(height, width),
            pixels,
            found[pixels],
            barycentric.numpy()[pixels],
            1 - seen / max(int(np.count_nonzero(body)), 1),
        )

    def interpolate(self, mesh: Mesh, hits: Hits, at_rest: AtRest) -> tuple[Floats, Floats, Floats]:
        """What is known of the points that rays met.

        Args:
            mesh: From `load`.
            hits: From `draw`.
            at_rest: Of the mesh's vertices.

        Returns:
            Place, place at rest and unit normal, each (P, 3).
        """
        num = len(hits.faces)
        seen = wp.empty((3, num), dtype=wp.vec3, device=self.device)
        inputs = [
            wp.array(hits.faces, copy=False, device=self.device),
            self._vectors(hits.barycentric),
            mesh.faces,
            mesh.vertices,
            self._vectors(at_rest.vertices),
            self._vectors(at_rest.normals),
            wp.array(at_rest.transforms, dtype=mat34, copy=False, device=self.device),
            seen,
        ]
        self._launch(interpolate, num, inputs)
        points, rest, normals = seen.numpy()
        return points, rest, normals

    def light_map(self, mesh: Mesh, direction: Floats) -> "LightMap":
        """What the light meets first.

        Args:
            mesh: What casts shadows.
            direction: (3,) unit vector towards the light.
        """
        frame = _frame_towards(direction)
        seen = frame @ mesh.host.T
        low, high = seen.min(1), seen.max(1)
        scale = (LIGHT_MAP_SIDE - 2) / max(float((high - low)[:2].max()), 1e-3)
        rows, origin = wp.mat33(frame), wp.vec3(low)
        points = wp.empty_like(mesh.vertices)
        inputs = [mesh.vertices, rows, origin, scale, points]
        self._launch(project_parallel, len(points), inputs)
        size = (LIGHT_MAP_SIDE, LIGHT_MAP_SIDE)
        # Everything is one layer to the light.
        keys = self._rasterise(points, mesh, (0, mesh.ends[-1]), size, perspective=False)
        return LightMap(rows, origin, scale, keys)

    def receive(self, light: "LightMap", points: Floats, softness: float) -> Floats:
        """How much of the light reaches points (N, 3), in [0, 1].

        Args:
            light: From `light_map`.
            points: In the camera's frame.
            softness: Width of a shadow's edge, in metres.
        """
        if not len(points):
            return np.zeros(0, np.float32)
        lit = wp.empty(len(points), dtype=wp.float32, device=self.device)
        frame = [light.frame, light.low, light.scale, light.keys, LIGHT_MAP_SIDE]
        inputs = [self._vectors(points), *frame, BIAS, softness * light.scale / 2, lit]
        self._launch(receive_light, len(points), inputs)
        share: Floats = lit.numpy()
        return share

    def _rasterise(
        self,
        points: Any,
        mesh: Mesh,
        ends: tuple[int, ...],
        size: tuple[int, int],
        perspective: bool,
    ) -> Any:
        keys = wp.full((3, size[0] * size[1]), NOTHING, dtype=wp.int64, device=self.device)
        inputs = [points, mesh.faces, wp.vec2i(*ends[:2]), *size, int(perspective), keys]
        self._launch(rasterise, mesh.ends[-1], inputs)
        return keys

    def _launch(self, kernel: Any, num: int, inputs: list[Any]) -> None:
        wp.launch(kernel, dim=num, inputs=inputs, device=self.device)

    def _vectors(self, vectors: Floats) -> Any:
        values = np.ascontiguousarray(vectors, np.float32)
        return wp.array(values, dtype=wp.vec3, copy=False, device=self.device)


@dataclass(frozen=True)
class LightMap:
    """A picture of the scene as parallel light sees it."""

    frame: Any
    """Rows: two directions across the light, then the one away from it."""
    low: Any
    """Least coordinates in that frame, in metres."""
    scale: float
    """Pixels a metre."""
    keys: Any
    """(3, side * side) Warp array."""


def _frame_towards(direction: Floats) -> Floats:
    """Orthonormal rows: across, across, away from the light."""
    aside = np.array([1.0, 0, 0]) if abs(direction[0]) < 0.7 else np.array([0, 1.0, 0])
    first = np.cross(direction, aside)
    first /= np.linalg.norm(first)
    frame: Floats = np.stack([first, np.cross(direction, first), -direction]).astype(np.float32)
    return frame
