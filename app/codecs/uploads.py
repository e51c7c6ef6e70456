"""Untrusted bytes to checked, upright RGB pixels.

The format is told by the content, never by a name or a header; the size is read from the header
before anything is decoded, and before a decoder that believes it sees the file. Common JPEGs go to
simplejpeg, all else to Pillow. Transparent pictures are laid on white, the first frame of an
animation counts, and deeper samples are scaled to 8 bits.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from app.codecs.jpeg import decode_common, read_jpeg_header, without_metadata
from app.codecs.tiff import read_tiff_header
from app.codecs.webp import read_webp_size
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
MAX_SIDE = 65_535
"""As a JPEG has at most; a row of a longer picture alone would take a lot of memory."""
MAX_SCANS = 50
"""Of a progressive JPEG, whose writers make about ten; each costs a pass over all pixels."""
_TIFF_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""None, fax, LZW, JPEG, deflate, PackBits: what cameras and editors write."""
_BMP_RUN_LENGTHS = {1, 2}
"""Compressions that Pillow decodes in a slow loop."""
_DIRECT_MODES = {"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr"}
_ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}


class UnsupportedFormatError(Exception):
    """Not a file of an allowed format."""


class PictureTooLargeError(Exception):
    """More pixels than are allowed."""


def make_bomb_warnings_errors() -> None:
    """Let Pillow refuse at its limit, where it only warns by itself; for the whole process.

    The header's size is checked first: this is for what a header does not tell.
    """
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def decode_image(data: bytes, max_pixels: int) -> UInt8[np.ndarray, "H W 3"]:
    """The picture as people see it: upright, RGB.

    Raises:
        UnsupportedFormatError: Not a picture of an allowed format.
        PictureTooLargeError: The header declares more than `max_pixels`.
        InvalidInputError: The picture is empty, truncated or damaged.
    """
    name = _allowed_format(data)
    with _damage_named(name, max_pixels):
        if name == "JPEG":
            return _decode_jpeg(data, max_pixels)
        _check_header(data, name, max_pixels)
        with Image.open(io.BytesIO(data), formats=[name.upper()]) as image:
            _check_size(image.size, max_pixels)
            image.load()
            return _turn_upright(np.asarray(_to_rgb(image)), _orientation(image))


def picture_size(data: bytes, max_pixels: int) -> tuple[int, int]:
    """(height, width) that the header declares, before EXIF turns it; nothing is decoded.

    Raises as `decode_image`.
    """
    name = _allowed_format(data)
    with _damage_named(name, max_pixels):
        if name == "JPEG":
            height, width = read_jpeg_header(data).size
        else:
            _check_header(data, name, max_pixels)
            with Image.open(io.BytesIO(data), formats=[name.upper()]) as image:
                width, height = image.size
        _check_size((width, height), max_pixels)
        return height, width


def _allowed_format(data: bytes) -> str:
    if not data:
        raise InvalidInputError("the picture is empty: 0 bytes")
    name = sniff_format(data)
    if name not in ALLOWED_FORMATS:
        start = data[:8].decode("latin-1")
        found = f"a {name} file" if name else f"a file that begins with {start!r}"
        raise UnsupportedFormatError(f"{found} was sent; {', '.join(ALLOWED_FORMATS)} are read")
    return name


@contextmanager
def _damage_named(name: str, max_pixels: int) -> Iterator[None]:
    """What decoders raise, as our errors."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureTooLargeError(f"{error}; at most {max_pixels} are read") from error
    except UnidentifiedImageError as error:
        raise InvalidInputError(f"the picture begins like {name} but cannot be read") from error
    except _DAMAGE as error:
        raise InvalidInputError(f"the {name} is truncated or damaged: {error}") from error


def _decode_jpeg(data: bytes, max_pixels: int) -> UInt8[np.ndarray, "H W 3"]:
    header = read_jpeg_header(data)
    height, width = header.size
    _check_size((width, height), max_pixels)
    if header.num_scans > MAX_SCANS:
        raise InvalidInputError(
            f"the JPEG has {header.num_scans} scans; at most {MAX_SCANS} are read"
        )
    pixels = decode_common(data, header)
    if pixels is None:
        rest = io.BytesIO(without_metadata(data, header))
        with Image.open(rest, formats=["JPEG"]) as image:
            _check_size(image.size, max_pixels)
            image.load()
            pixels = np.asarray(_to_rgb(image))
    return _turn_upright(pixels, header.orientation)


def _check_header(data: bytes, name: str, max_pixels: int) -> None:
    """Refuse what would cost much before Pillow has even told the size."""
    if name == "TIFF":
        header = read_tiff_header(data)
        for height, width in (header.size, header.part):
            _check_size((width, height), max_pixels)
        if header.compression not in _TIFF_COMPRESSIONS:
            raise UnsupportedFormatError(
                f"a TIFF with compression {header.compression} was sent; uncompressed ones, fax, "
                "LZW, JPEG, deflate and PackBits are read"
            )
    elif name == "WebP":
        height, width = read_webp_size(data)
        _check_size((width, height), max_pixels)
    elif name == "BMP" and int.from_bytes(data[30:34], "little") in _BMP_RUN_LENGTHS:
        raise UnsupportedFormatError("a run-length encoded BMP was sent; plain ones are read")


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
    if max(width, height) > MAX_SIDE:
        raise PictureTooLargeError(
            f"the picture is {width}x{height}; a side may have {MAX_SIDE} pixels"
        )


def _orientation(image: Image.Image) -> int:
    """EXIF's. Unreadable EXIF says nothing, to viewers as to us."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except _DAMAGE:
        return 1
    return orientation if isinstance(orientation, int) else 1


def _turn_upright(
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
