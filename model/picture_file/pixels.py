"""Decoded pictures of any kind to upright RGB of 8 bits.

H W a picture's size, h w the size as stored.
"""

import struct
from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from model.errors import UnsupportedFormatError

_ORIENTATION_TAG = 0x0112
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    Warning,
)
"""What Pillow raises on damaged EXIF."""
_DIRECT_MODES = {"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr"}
_ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}


def to_rgb(image: Image.Image, negative: bool = False) -> UInt8[np.ndarray, "h w 3"]:
    """RGB of 8 bits: 16 bits are scaled, transparency is laid on white.

    Args:
        image: A decoded picture.
        negative: Whether 0 means white in grey of 16 bits, which Pillow leaves as it is.

    Raises:
        UnsupportedFormatError: Samples of more than 16 bits, or that are no integers.
    """
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint32)
        grey = ((deep + 128) // 257).astype(np.uint8)
        if negative:
            grey = 255 - grey
        grey[deep == image.info.get("transparency", -1)] = 255
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode in _ALPHA_MODES or (image.mode in _DIRECT_MODES and "transparency" in image.info):
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return np.asarray(Image.alpha_composite(white, layer).convert("RGB"))
    if image.mode in _DIRECT_MODES:
        return np.asarray(image.convert("RGB"))
    raise UnsupportedFormatError(
        f"the picture has samples of the kind {image.mode}; grey, RGB, palette and CMYK "
        "of 8 or 16 bits are read"
    )


def exif_orientation(read: Callable[[], Image.Exif]) -> int:
    """EXIF's orientation, 1 to 8; 1, upright, where none can be read."""
    try:
        orientation = read().get(_ORIENTATION_TAG)
    except _UNREADABLE:
        # Unreadable EXIF says nothing, to viewers as to us.
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def turn_upright(
    pixels: UInt8[np.ndarray, "h w 3"], orientation: int
) -> UInt8[np.ndarray, "H W 3"]:
    """Undo how the camera was held.

    Source: Exif 2.3, tag 0x0112: 5 to 8 lie on their side; 2, 4, 5 and 7 are mirrored.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
