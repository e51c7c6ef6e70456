"""A photo under its labels' colours, for people to look at.

H W a picture's size, C labels.
"""

import numpy as np
from jaxtyping import UInt8

OPACITY = 0.55
"""Of the colours: enough to tell them apart, and the cloth's folds still show."""
_COVERED = round(OPACITY * 256)
"""In 256ths, so that a pixel takes a multiplication and a shift of whole numbers."""
_BLOCK = 1 << 16
"""Pixels that are blended at once: their copies in 16 bits fit into a processor's cache."""


def overlay(
    image: UInt8[np.ndarray, "H W 3"],
    ids: UInt8[np.ndarray, "H W"],
    colours: UInt8[np.ndarray, "C 3"],
) -> UInt8[np.ndarray, "H W 3"]:
    """The photo blended with the colour of each pixel's label; as it is where the label is 0.

    Args:
        image: RGB.
        ids: Rows of `colours`.
        colours: RGB.
    """
    # A pixel's weighted sum is at most 255 * 256 + 128, which 16 bits hold.
    kept = np.full(colours.shape, 256 - _COVERED, np.uint16)
    tints = colours.astype(np.uint16) * _COVERED + 128
    kept[0], tints[0] = 256, 0
    blended = np.empty_like(image, order="C")
    num_rows = max(1, _BLOCK // image.shape[1])
    for top in range(0, len(image), num_rows):
        rows = slice(top, top + num_rows)
        shades = kept.take(ids[rows], axis=0)
        shades *= image[rows]
        shades += tints.take(ids[rows], axis=0)
        np.right_shift(shades, 8, out=blended[rows], casting="unsafe")
    return blended
