"""Ray casting with Warp, on the CPU or a CUDA device.

H W the picture's size, V vertices, F triangles, P pixels that show the person.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import warp as wp

from training.synthetic.bodies import Floats, Ints
from training.synthetic.cameras import Camera
from training.synthetic.cast_kernel import cast_rays


@dataclass(frozen=True)
class Hits:
    """What each ray met first."""

    naked: Any
    """(H, W) bool: the body, were it naked."""
    pixels: Ints
    """(P,) flat indices of the pixels that show the dressed person."""
    faces: Ints
    """(P,) triangle; the garments' are numbered after the body's."""
    barycentric: Floats
    """(P, 3) weights of the triangle's corners."""
    lit: Any
    """(P,) bool: the key light reaches the point."""


Surface = tuple[Floats, Ints]


class Renderer:
    """Casts rays at one person at a time: a body, and what it wears."""

    def __init__(self, device: str | None = None) -> None:
        """Prepare.

        Args:
            device: Of Warp; a CUDA device where there is one, else the CPU.
        """
        wp.config.quiet = True
        wp.config.enable_backward = False
        wp.init()
        self.device = wp.get_device(device)

    def cast(
        self, body: Surface, cloth: Surface, camera: Camera, light: Floats, samples: int = 1
    ) -> Hits:
        """One ray through the middle of each pixel, or of each of samples x samples parts of it.

        Args:
            body: Vertices (V, 3) in the camera's frame, and triangles (F, 3).
            cloth: Likewise.
            camera: Who looks.
            light: (3,) unit vector towards the key light.
            samples: Along each side of a pixel; the result has samples times the size.
        """
        height, width = camera.size
        num = height * width * samples**2
        meshes = [self._mesh(surface) for surface in (body, cloth)]
        naked = wp.zeros(num, dtype=wp.uint8, device=self.device)
        face = wp.empty(num, dtype=wp.int32, device=self.device)
        barycentric = wp.zeros(num, dtype=wp.vec2, device=self.device)
        lit = wp.zeros(num, dtype=wp.uint8, device=self.device)
        wp.launch(
            cast_rays,
            dim=num,
            inputs=[
                meshes[0].id,
                meshes[1].id,
                len(body[1]),
                camera.focal,
                height,
                width,
                samples,
                wp.vec3(*light.tolist()),
                naked,
                face,
                barycentric,
                lit,
            ],
            device=self.device,
        )
        hit_faces = face.numpy()
        pixels = np.flatnonzero(hit_faces >= 0)
        uv = barycentric.numpy()[pixels]
        return Hits(
            naked=naked.numpy().reshape(height * samples, width * samples).astype(bool),
            pixels=pixels,
            faces=hit_faces[pixels],
            barycentric=np.concatenate([uv, 1 - uv.sum(1, keepdims=True)], axis=1),
            lit=lit.numpy()[pixels].astype(bool),
        )

    def _mesh(self, surface: Surface) -> Any:
        vertices, faces = surface
        points = wp.array(vertices.astype(np.float32), dtype=wp.vec3, device=self.device)
        indices = wp.array(faces.astype(np.int32).ravel(), device=self.device)
        return wp.Mesh(points, indices)
