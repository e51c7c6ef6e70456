"""A projected mesh in a picture: what it covers, and how it looks over the photo.

V vertices, F faces, H W the picture's size.
"""

import numpy as np
from PIL import Image, ImageDraw

COLOUR = np.array([90, 170, 250])
"""Of a mesh over a photo, where it faces the camera."""
_AMBIENT = 0.35
_OPACITY = 0.75


def project(points: np.ndarray, focal: float, centre: tuple[float, float]) -> np.ndarray:
    """Points (N, 3) in the camera's axes (Y down, Z forward) -> (N, 2) pixels x, y."""
    pixels: np.ndarray = focal * points[:, :2] / points[:, 2:] + np.array(centre)
    return pixels


def projected_mask(pixels: np.ndarray, faces: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: pixels that any triangle covers.

    Args:
        pixels: (V, 2) of the projected vertices.
        faces: (F, 3).
        size: (height, width) of the picture.
    """
    picture = Image.new("1", size[::-1])
    draw = ImageDraw.Draw(picture)
    # The middle of Pillow's first pixel is (0, 0); ours is (0.5, 0.5).
    for corners in (pixels - 0.5)[faces]:
        draw.polygon([(float(x), float(y)) for x, y in corners], fill=1)
    return np.asarray(picture)


def overlay(
    image: np.ndarray, vertices: np.ndarray, faces: np.ndarray, pixels: np.ndarray
) -> np.ndarray:
    """The photo with a shaded mesh over it, (H, W, 3) uint8.

    Args:
        image: (H, W, 3) uint8.
        vertices: (V, 3) in the camera's axes.
        faces: (F, 3), counter-clockwise seen from outside.
        pixels: (V, 2) where the vertices are seen.
    """
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    front = np.flatnonzero(normals[:, 2] < 0)
    front = front[np.argsort(-corners[front, :, 2].mean(1), kind="stable")]
    shades = _AMBIENT + (1 - _AMBIENT) * -normals[front, 2]
    drawn = Image.fromarray(image)
    draw = ImageDraw.Draw(drawn)
    outlines = (pixels - 0.5)[faces[front]]
    for outline, shade in zip(outlines, shades, strict=True):
        red, green, blue = (COLOUR * shade).astype(int).tolist()
        draw.polygon([(float(x), float(y)) for x, y in outline], fill=(red, green, blue))
    mixed = _OPACITY * np.asarray(drawn, np.float32) + (1 - _OPACITY) * image
    found: np.ndarray = (mixed + 0.5).astype(np.uint8)
    return found
