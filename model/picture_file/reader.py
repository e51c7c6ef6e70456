"""The one reader of picture files, for the service and for the commands.

The content tells the format, never a name or a header. The size is read from the file's header
before anything is decoded. A file that lost image data is refused as far as its format lets that
be told: PNG has checksums, the others only have to be decodable to their end. A file whose every
pixel is there is read, even where it is damaged elsewhere.

H W a picture's size.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from model.errors import InvalidInputError, PictureTooLargeError, UnsupportedFormatError
from model.picture_file.gif import check_gif_blocks
from model.picture_file.heif import check_heif
from model.picture_file.isolated import decode_isolated, open_heif
from model.picture_file.jpeg import decode_jpeg, read_jpeg_header
from model.picture_file.pixels import exif_orientation, to_rgb, turn_upright
from model.picture_file.png import essential_png
from model.picture_file.tiff import check_tiff_parts, is_negative, plain_tiff
from model.picture_file.webp import check_webp

FORMATS = ("JPEG", "PNG", "WebP", "BMP", "TIFF", "GIF", "AVIF")
"""HEIC as well where the package pillow-heif is installed."""
MAX_PIXELS = 89_478_485
"""Pillow warns of larger pictures."""
MAX_SIDE = 65_535
"""As a JPEG has at most; a row of a longer picture alone would take a lot of memory."""
_SIGNATURES = (
    # format, offset, bytes
    ("JPEG", 0, b"\xff\xd8\xff"),
    ("PNG", 0, b"\x89PNG\r\n\x1a\n"),
    ("WebP", 8, b"WEBP"),
    ("BMP", 0, b"BM"),
    ("TIFF", 0, b"II*\x00"),
    ("TIFF", 0, b"MM\x00*"),
    ("GIF", 0, b"GIF8"),
    # Not read, but worth a name in the answer.
    ("BigTIFF", 0, b"II+\x00"),
    ("BigTIFF", 0, b"MM\x00+"),
    ("PDF", 0, b"%PDF"),
    ("SVG", 0, b"<svg"),
    ("JPEG 2000", 4, b"jP  \r\n\x87\n"),
    ("JPEG XL", 4, b"JXL \r\n\x87\n"),
    ("JPEG XL", 0, b"\xff\x0a"),
    ("Photoshop", 0, b"8BPS"),
)
_HEIF_BRANDS = {
    "AVIF": {b"avif", b"avis"},
    "HEIC": {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"},
}
_BMP_RUN_LENGTHS = {1, 2}
"""Compressions of BMP that Pillow decodes in a slow loop."""
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
)
"""What decoders raise on damaged pictures; tests mutate files of every format."""


def decode_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "H W 3"]:
    """The picture as people see it: upright, RGB, transparency laid on white.

    Orientation is EXIF's, or the container's in AVIF and HEIC; XMP's is ignored. Samples of 16 bits
    are scaled to 8. The first frame of an animation counts.

    Raises:
        UnsupportedFormatError: Not a picture of a format that is read.
        PictureTooLargeError: The header declares more than `max_pixels`, or a side above 65,535.
        InvalidInputError: The picture is empty, truncated or damaged.
    """
    name = sniff_format(data)
    with _damage_named(name, max_pixels):
        if name == "JPEG":
            header = read_jpeg_header(data)
            _check_size(header.size, max_pixels)
            return turn_upright(decode_jpeg(data, header), header.orientation)
        with _opened(data, name) as image:
            width, height = image.size
            _check_size((height, width), max_pixels)
            _check_content(image, data, name, max_pixels)
            decoded = decode_isolated(data, name) if name in _HEIF_BRANDS else image
            decoded.load()
            pixels = to_rgb(decoded, negative=name == "TIFF" and is_negative(data))
            # After decoding: PNG may have it at its end, and TIFF is upright by then.
            return turn_upright(pixels, exif_orientation(image.getexif))


def picture_size(data: bytes) -> tuple[int, int]:
    """(height, width) that the header declares; nothing is decoded.

    The two may be exchanged in a picture that EXIF turns on its side.

    Raises:
        UnsupportedFormatError: Not a picture of a format that is read.
        PictureTooLargeError: More pixels than any limit allows.
        InvalidInputError: The header is truncated or damaged.
    """
    name = sniff_format(data)
    with _damage_named(name):
        if name == "JPEG":
            return read_jpeg_header(data).size
        with _opened(data, name) as image:
            width, height = image.size
            return height, width


def sniff_format(data: bytes) -> str:
    """The name of the format that the bytes begin with, one that is read.

    Raises:
        UnsupportedFormatError: It is another format, or none.
        InvalidInputError: There are no bytes.
    """
    if not data:
        raise InvalidInputError("the picture is empty: 0 bytes")
    found = next((n for n, at, magic in _SIGNATURES if data.startswith(magic, at)), None)
    if data[4:8] == b"ftyp":
        end = max(16, min(int.from_bytes(data[:4], "big"), 256))
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
        found = next((n for n, known in _HEIF_BRANDS.items() if brands & known), found)
    if found in (*FORMATS, "HEIC"):
        return str(found)
    start = data[:8].decode("latin-1")
    what = f"a {found} file" if found else f"a file that begins with {start!r}"
    raise UnsupportedFormatError(f"the picture is {what}; {', '.join(FORMATS)} are read")


@contextmanager
def _damage_named(name: str, max_pixels: int = MAX_PIXELS) -> Iterator[None]:
    """What decoders raise, as our errors."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureTooLargeError(f"{error}; at most {max_pixels} are read") from error
    except UnidentifiedImageError as error:
        raise InvalidInputError(f"the picture begins like {name} but cannot be read") from error
    except _DAMAGE as error:
        raise InvalidInputError(f"the {name} is truncated or damaged: {error}") from error


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Image.Image]:
    """The picture by Pillow, its header read and nothing decoded."""
    if name == "PNG":
        data = essential_png(data)
    elif name == "GIF":
        check_gif_blocks(data)
    elif name == "TIFF":
        data = plain_tiff(data)
    with _open(data, name) as image:
        # Pillow would take the orientation from there, unlike other programs.
        for key in ("xmp", "XML:com.adobe.xmp"):
            image.info.pop(key, None)
        yield image


def _open(data: bytes, name: str) -> Image.Image:
    if name not in _HEIF_BRANDS:
        return Image.open(io.BytesIO(data), formats=[name.upper()])
    try:
        return open_heif(data, name)
    except ImportError:
        raise UnsupportedFormatError(
            "the picture is a HEIC file; HEIC is read where the extra `heif` is installed, "
            f"pip install 'habitus[heif]'; {', '.join(FORMATS)} are read"
        ) from None


def _check_content(image: Image.Image, data: bytes, name: str, max_pixels: int) -> None:
    """Refuse what Pillow would decode at a great cost, or without a word on what is missing."""
    if name == "TIFF":
        check_tiff_parts(data, max_pixels)
    elif name == "WebP":
        check_webp(data)
    elif name in _HEIF_BRANDS:
        check_heif(data, name)
    elif name == "BMP" and image.info.get("compression") in _BMP_RUN_LENGTHS:
        raise UnsupportedFormatError("the picture is a run-length encoded BMP; plain ones are read")


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    height, width = size
    if width * height > max_pixels:
        raise PictureTooLargeError(
            f"the picture is {width}x{height}, {width * height} pixels; "
            f"at most {max_pixels} are read"
        )
    if max(width, height) > MAX_SIDE:
        raise PictureTooLargeError(
            f"the picture is {width}x{height}; a side may have {MAX_SIDE} pixels"
        )
