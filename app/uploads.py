"""Untrusted bytes to checked, upright RGB pixels.

The format is told by the content, never by a name or a header; the size is read from the header
before anything is decoded. Transparent pictures are laid on white, the first frame of an animation
counts, and deeper samples are scaled to 8 bits.
"""

import io
import struct
import zlib

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from model.errors import InvalidInputError

ALLOWED_FORMATS = ("JPEG", "PNG", "WebP", "BMP", "TIFF")
_SIGNATURES = (
    # format, offset, bytes
    ("JPEG", 0, b"\xff\xd8\xff"),
    ("PNG", 0, b"\x89PNG\r\n\x1a\n"),
    ("WebP", 8, b"WEBP"),
    ("BMP", 0, b"BM"),
    ("TIFF", 0, b"II*\x00"),
    ("TIFF", 0, b"MM\x00*"),
    # Not allowed, but worth a name in the answer.
    ("GIF", 0, b"GIF8"),
    ("HEIC", 4, b"ftyphei"),
    ("HEIC", 4, b"ftypmif1"),
    ("AVIF", 4, b"ftypavif"),
    ("PDF", 0, b"%PDF"),
)
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise on damaged pictures; tests mutate files of every format."""
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what makes the picture upright."""
_DIRECT_MODES = {"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr"}
_ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}


class UnsupportedFormatError(Exception):
    """Not a file of an allowed format."""


class PictureTooLargeError(Exception):
    """More pixels than are allowed."""


def decode_image(data: bytes, max_pixels: int) -> UInt8[np.ndarray, "H W 3"]:
    """The picture as people see it: upright, RGB.

    Raises:
        UnsupportedFormatError: Not a picture of an allowed format.
        PictureTooLargeError: The header declares more than `max_pixels`.
        InvalidInputError: The picture is empty, truncated or damaged.
    """
    if not data:
        raise InvalidInputError("the picture is empty: 0 bytes")
    name = sniff_format(data)
    if name not in ALLOWED_FORMATS:
        found = f"a {name} file" if name else f"a file that begins with {data[:8]!r}"
        raise UnsupportedFormatError(f"{found} was sent; {', '.join(ALLOWED_FORMATS)} are read")
    try:
        with Image.open(io.BytesIO(data), formats=[name.upper()]) as image:
            _check_size(image.size, max_pixels)
            image.load()
            return np.asarray(_to_rgb(_upright(image)))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureTooLargeError(f"{error}; at most {max_pixels} are read") from error
    except UnidentifiedImageError as error:
        raise InvalidInputError(f"the picture begins like {name} but cannot be read") from error
    except _DAMAGE as error:
        raise InvalidInputError(f"the {name} is truncated or damaged: {error}") from error


def sniff_format(data: bytes) -> str | None:
    """The name of the format that the bytes begin with."""
    for name, offset, signature in _SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            return name
    return None


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise PictureTooLargeError(
            f"the picture is {width}x{height}, {width * height} pixels; "
            f"at most {max_pixels} are read"
        )


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation. Unreadable EXIF says nothing, to viewers as to us."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except _DAMAGE:
        orientation = None
    if orientation in _UPRIGHT:
        return image.transpose(_UPRIGHT[orientation])
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """RGB of 8 bits: deep greys are scaled, transparency is laid on white."""
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((deep + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in _ALPHA_MODES or (image.mode in _DIRECT_MODES and "transparency" in image.info):
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    if image.mode in _DIRECT_MODES:
        return image.convert("RGB")
    raise InvalidInputError(
        f"the picture has samples of the kind {image.mode}; grey, RGB, palette and CMYK "
        "of 8 or 16 bits are read"
    )
