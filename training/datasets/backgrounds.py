"""Removes the person from a photo, to use the photo as a background.

H W a photo's size.
"""

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter, zoom

DILATION_FRACTION = 0.02
"""Margin around the person, over the photo's height, for inexact labels and shadows."""
COARSE_FRACTION = 0.02
"""Sigma of the blur that separates colours from texture, over the photo's height."""


def paint_over(image: np.ndarray, person: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fill the person's pixels with the colours around them and with texture from elsewhere.

    The colours are interpolated from the border at all scales, which alone would be blurred. The
    texture is that of another part of the photo, shifted or mirrored; where none fits, it is noise
    with the standard deviation of the photo's texture.

    Source: the pull-push fill of Gortler et al., The Lumigraph, SIGGRAPH 1996, section 3.4.

    Args:
        image: (H, W, 3) uint8.
        person: (H, W) bool, the pixels to fill.
        rng: Chooses where the texture comes from.
    """
    height, width = person.shape
    radius = max(1, round(DILATION_FRACTION * height))
    hole = binary_dilation(person, np.ones((3, 3), bool), iterations=radius)
    if not hole.any():
        return image.copy()
    pixels = image.astype(np.float32)
    if hole.all():
        return np.full_like(image, pixels.mean(axis=(0, 1)).astype(np.uint8))
    known = (~hole).astype(np.float32)
    sigma = max(1.0, COARSE_FRACTION * height)
    colours = pull_push(pixels, known)
    coarse = _masked_blur(pixels, known, sigma)
    detail = np.where(hole[..., None], 0, pixels - coarse)
    texture, covered = _texture_from_elsewhere(detail, hole, rng)
    noise = rng.standard_normal((height, width, 3), np.float32) * detail[~hole].std(axis=0)
    texture = np.where(covered[..., None], texture, noise)
    # At the border the fill replaces the photo over a few pixels.
    blend = gaussian_filter(hole.astype(np.float32), 1.0)[..., None]
    blend = np.where(person[..., None], 1, blend)
    filled = blend * (colours + texture) + (1 - blend) * pixels
    painted: np.ndarray = np.clip(filled + 0.5, 0, 255).astype(np.uint8)
    return painted


def pull_push(pixels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Interpolate unknown pixels smoothly from the known ones.

    Args:
        pixels: (H, W, C) float.
        known: (H, W), 1 where a pixel is known, else 0.
    """
    if min(known.shape) <= 1 or known.all():
        total = max(float(known.sum()), 1e-6)
        mean = (pixels * known[..., None]).sum(axis=(0, 1)) / total
        return np.where(known[..., None] > 0, pixels, mean).astype(np.float32)
    weights = _halve(known[..., None])
    coarser = _halve(pixels * known[..., None]) / np.maximum(weights, 1e-6)
    filled = pull_push(coarser, np.minimum(1, 4 * weights[..., 0]))
    finer = zoom(filled, (2, 2, 1), order=1, mode="nearest", grid_mode=True)
    finer = finer[: known.shape[0], : known.shape[1]]
    share = known[..., None]
    result: np.ndarray = (share * pixels + (1 - share) * finer).astype(np.float32)
    return result


def _halve(array: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 blocks; an odd last row or column is repeated."""
    padded = np.pad(array, ((0, array.shape[0] % 2), (0, array.shape[1] % 2), (0, 0)), "edge")
    top, bottom = padded[::2], padded[1::2]
    means: np.ndarray = 0.25 * (top[:, ::2] + top[:, 1::2] + bottom[:, ::2] + bottom[:, 1::2])
    return means


def _masked_blur(pixels: np.ndarray, known: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur over known pixels only."""
    weights = gaussian_filter(known, sigma)[..., None]
    blurred = gaussian_filter(pixels * known[..., None], (sigma, sigma, 0))
    return blurred / np.maximum(weights, 1e-3)


def _texture_from_elsewhere(
    detail: np.ndarray, hole: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The photo's texture, moved sideways to cover as much of the hole as possible.

    Returns:
        The texture, and a mask of the pixels where it is known.
    """
    width = hole.shape[1]
    best, best_covered = detail, np.zeros_like(hole)
    for shift in rng.permutation(np.arange(width // 6, width, max(1, width // 12))):
        for mirrored in (False, True):
            moved_hole = np.roll(hole[:, ::-1] if mirrored else hole, shift, axis=1)
            covered = hole & ~moved_hole
            if covered.sum() > best_covered.sum():
                source = detail[:, ::-1] if mirrored else detail
                best, best_covered = np.roll(source, shift, axis=1), covered
    return best, best_covered
