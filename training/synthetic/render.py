"""Rasterising with Warp, on the CPU or a CUDA device.

A depth buffer instead of ray casting: nothing has to be built for a new pose, and at training
sizes most triangles are smaller than a pixel.

H W the picture's size, V vertices, F triangles, P pixels (or samples) that are filled, N points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp

from training.synthetic.bodies import Floats, Ints
from training.synthetic.cameras import Camera
from training.synthetic.raster_kernels import EMPTY, FACES, rasterise, receive_light, resolve

NOTHING, MAXIMUM_FACES = int(EMPTY.value), int(FACES.value)
NEAREST = 0.05
"""Metres; a triangle that comes nearer to the camera is not drawn."""
LIGHT_MAP_SIDE = 224
"""Pixels; a person of two metres then has a shadow map of about a centimetre's grain."""
BIAS = 0.02
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


Surface = tuple[Floats, Ints]
"""Vertices (V, 3) in the camera's frame, and triangles (F, 3)."""


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

    def draw(
        self, body: Surface, cloth: Surface, props: Surface, camera: Camera, samples: int = 1
    ) -> Hits:
        """One ray through the middle of each pixel, or of each of samples x samples parts of it.

        Args:
            body: The naked body.
            cloth: All that is worn.
            props: All else; hides the person where it is nearer, naked and dressed.
            camera: Who looks.
            samples: Along each side of a pixel; the result has samples times the size.
        """
        height, width = (side * samples for side in camera.size)
        parts = (body, cloth, props)
        points = self._points(project(np.concatenate([part[0] for part in parts]), camera, samples))
        faces = self._indices(parts)
        end_of_body, end_of_cloth, end = np.cumsum([len(part[1]) for part in parts]).tolist()
        bare = self._empty(height * width)
        size = (height, width)
        self._rasterise(points, faces, (0, end_of_body), size, True, bare)
        dressed = wp.clone(bare)
        unhidden = int((bare.numpy() != NOTHING).sum())
        self._rasterise(points, faces, (end_of_body, end_of_cloth), size, True, dressed)
        for keys in (bare, dressed):
            self._rasterise(points, faces, (end_of_cloth, end), size, True, keys)
        face = wp.empty(height * width, dtype=wp.int32, device=self.device)
        barycentric = wp.empty(height * width, dtype=wp.vec3, device=self.device)
        wp.launch(
            resolve,
            dim=height * width,
            inputs=[dressed, points, faces, width, face, barycentric],
            device=self.device,
        )
        found, bare_keys = face.numpy(), bare.numpy()
        naked = (bare_keys != NOTHING) & (bare_keys % MAXIMUM_FACES < end_of_body)
        pixels = np.flatnonzero(found >= 0)
        return Hits(
            naked.reshape(height, width),
            pixels,
            found[pixels],
            barycentric.numpy()[pixels],
            1 - int(naked.sum()) / max(unhidden, 1),
        )

    def light_map(self, surfaces: Sequence[Surface], direction: Floats) -> "LightMap":
        """What the light meets first.

        Args:
            surfaces: What casts shadows.
            direction: (3,) unit vector towards the light.
        """
        frame = _frame_towards(direction)
        seen = np.concatenate([vertices for vertices, _ in surfaces]) @ frame.T
        low, high = seen.min(0), seen.max(0)
        scale = (LIGHT_MAP_SIDE - 2) / max(float((high - low)[:2].max()), 1e-3)
        light = LightMap(frame, low, float(scale), self._empty(LIGHT_MAP_SIDE**2))
        faces = self._indices(surfaces)
        size = (LIGHT_MAP_SIDE, LIGHT_MAP_SIDE)
        points = self._points(light.place(seen))
        self._rasterise(points, faces, (0, len(faces) // 3), size, False, light.keys)
        return light

    def receive(self, light: "LightMap", points: Floats, softness: float) -> Floats:
        """How much of the light reaches points (N, 3), in [0, 1].

        Args:
            light: From `light_map`.
            points: In the camera's frame.
            softness: Width of a shadow's edge, in metres.
        """
        lit = wp.empty(len(points), dtype=wp.float32, device=self.device)
        if len(points):
            wp.launch(
                receive_light,
                dim=len(points),
                inputs=[
                    self._points(light.place(points @ light.frame.T)),
                    light.keys,
                    LIGHT_MAP_SIDE,
                    BIAS,
                    softness * light.scale / 2,
                    lit,
                ],
                device=self.device,
            )
        share: Floats = lit.numpy()
        return share

    def _rasterise(
        self,
        points: Any,
        faces: Any,
        part: tuple[int, int],
        size: tuple[int, int],
        perspective: bool,
        keys: Any,
    ) -> None:
        first, end = part
        if end > first:
            inputs = [points, faces, first, *size, int(perspective), keys]
            wp.launch(rasterise, dim=end - first, inputs=inputs, device=self.device)

    def _empty(self, num: int) -> Any:
        return wp.full(num, NOTHING, dtype=wp.int64, device=self.device)

    def _points(self, points: Floats) -> Any:
        return wp.array(points.astype(np.float32, copy=False), dtype=wp.vec3, device=self.device)

    def _indices(self, surfaces: Sequence[Surface]) -> Any:
        starts = np.cumsum([0, *(len(vertices) for vertices, _ in surfaces)])
        moved = [faces + start for (_, faces), start in zip(surfaces, starts, strict=False)]
        return wp.array(np.concatenate(moved).astype(np.int32).ravel(), device=self.device)


@dataclass(frozen=True)
class LightMap:
    """A picture of the scene as parallel light sees it."""

    frame: Floats
    """(3, 3): two directions across the light, then the one away from it."""
    low: Floats
    """(3,) least coordinates in that frame, in metres."""
    scale: float
    """Pixels a metre."""
    keys: Any
    """(side * side,) Warp array."""

    def place(self, seen: Floats) -> Floats:
        """Points (N, 3) in the light's frame -> pixels across and depth in metres."""
        moved = seen - self.low
        moved[:, :2] = moved[:, :2] * self.scale + 1
        placed: Floats = moved
        return placed


def project(vertices: Floats, camera: Camera, samples: int) -> Floats:
    """Points (N, 3) in the camera's frame -> x and y in samples of pixels, and 1 / depth.

    The third is 0 for what is too near or behind.
    """
    points = np.empty_like(vertices, dtype=np.float32)
    depth = -vertices[:, 2]
    points[:, :2] = camera.project(vertices) * samples
    points[:, 2] = np.where(depth > NEAREST, 1 / np.maximum(depth, NEAREST), 0)
    return points


def _frame_towards(direction: Floats) -> Floats:
    """Orthonormal rows: across, across, away from the light."""
    aside = np.array([1.0, 0, 0]) if abs(direction[0]) < 0.7 else np.array([0, 1.0, 0])
    first = np.cross(direction, aside)
    first /= np.linalg.norm(first)
    frame: Floats = np.stack([first, np.cross(direction, first), -direction]).astype(np.float32)
    return frame
