"""JPEG files: what their markers say, and decoding that lets no lost data pass.

libjpeg decodes what is left of a damaged file and only warns; simplejpeg makes errors of its
warnings. So each scan has to hold the bits of exactly its blocks, whether the file has an end
marker or not. A format without checksums hides damage that leaves their number as it was.

H W a picture's size as stored.

Source: ITU-T T.81, annexes B (markers and segments) and G (progressive).
"""

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from jaxtyping import UInt8
from PIL import Image

from model.errors import InvalidInputError, UnsupportedFormatError
from model.picture_file.jpeg_scans import ScanCheck
from model.picture_file.pixels import exif_orientation, to_rgb

MAX_SCANS = 50
"""Of a progressive JPEG, whose writers make about ten; each costs a pass over all pixels."""
MAX_SEGMENTS = 100_000
_HUFFMAN_TABLES, _END, _SCAN = 0xC4, 0xD9, 0xDA
_APP0, _APP1, _APP14, _COMMENT = 0xE0, 0xE1, 0xEE, 0xFE
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xCA}
_METADATA = {*range(_APP0, 0xF0), _COMMENT} - {_APP0, _APP14}
"""Segments without a say in the pixels; JFIF's and Adobe's name the colours."""
_AFTER_SCAN = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_EXIF = b"Exif\0\0"


@dataclass(frozen=True)
class _Segment:
    """A part of the file between two markers."""

    marker: int
    start: int
    """Of its marker."""
    content_end: int
    end: int
    """Behind its content, and behind the coded pixels that follow the header of a scan."""


@dataclass(frozen=True)
class JpegHeader:
    """What the markers declare."""

    size: tuple[int, int]
    """(height, width), as stored."""
    num_components: int
    """1 grey, 3 colours, 4 inks."""
    orientation: int
    """EXIF's, 1 to 8; 1, upright, where none can be read."""
    is_progressive: bool
    segments: tuple[_Segment, ...]
    """Those that decide the pixels."""


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Walk along the markers; nothing is decoded.

    Raises:
        InvalidInputError: The size is not told, told twice, or zero; scans are missing or too many.
        UnsupportedFormatError: Samples of more than 8 bits.
    """
    frame: bytes | None = None
    exif = b""
    check = ScanCheck()
    segments: list[_Segment] = []
    for segment in _segments(data):
        marker = segment.marker
        content = data[segment.start + 4 : segment.content_end]
        if marker in _METADATA:
            if marker == _APP1 and not exif and content.startswith(_EXIF):
                exif = content
            continue
        segments.append(segment)
        if marker in _FRAMES:
            if frame is not None:
                raise InvalidInputError("the JPEG is damaged: it tells its size twice")
            frame = content
            check.add_frame(content, marker in _PROGRESSIVE)
        elif marker == _HUFFMAN_TABLES:
            check.add_tables(content)
        elif marker == _SCAN:
            check.add_scan(content, data, segment.content_end, segment.end)
    if frame is None or len(frame) < 6:
        raise InvalidInputError("the JPEG is truncated or damaged: it does not tell its size")
    precision, height, width, num_components = struct.unpack_from(">BHHB", frame)
    if not (height and width):
        raise InvalidInputError(f"the JPEG is damaged: it says that it is {width}x{height}")
    if precision != 8:
        raise UnsupportedFormatError(
            f"the picture is a JPEG with samples of {precision} bits; JPEGs of 8 bits are read"
        )
    check.finish()
    if check.num_scans > MAX_SCANS:
        raise InvalidInputError(
            f"the JPEG has {check.num_scans} scans; at most {MAX_SCANS} are read"
        )
    orientation = exif_orientation(lambda: _read_exif(exif)) if exif else 1
    return JpegHeader(
        (height, width), num_components, orientation, check.is_progressive, tuple(segments)
    )


def decode_jpeg(data: bytes, header: JpegHeader) -> UInt8[np.ndarray, "H W 3"]:
    """RGB as stored, the same pixels as Pillow's: exact transform, smooth upsampling.

    Raises:
        ValueError: The data of some pixels are lost, or more than all are there.
        OSError: It is of a kind that only Pillow reads, and Pillow does not.
    """
    try:
        return _decode_strictly(data, header)
    except ValueError:
        bare = _bare(data, header)
    try:
        return _decode_strictly(bare, header)
    except ValueError:
        if _knows_sampling(bare):
            raise
    # Pillow does not tell when it ran out of data. If it did, what follows changes the pixels.
    pixels, changed = (_by_pillow(bare[:-2] + rest + bare[-2:]) for rest in (b"", b"\x55" * 64))
    if not np.array_equal(pixels, changed):
        raise ValueError("premature end of data")
    return pixels


def _segments(data: bytes) -> Iterator[_Segment]:
    position = 2
    for _ in range(MAX_SEGMENTS):
        position = data.find(b"\xff", position)
        if position < 0 or position + 4 > len(data):
            return
        marker = data[position + 1]
        if marker == _END:
            return
        if marker in (0x00, 0xFF) or marker in _WITHOUT_LENGTH:
            position += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        content_end = end = position + 2 + max(2, length)
        if marker == _SCAN:
            following = _AFTER_SCAN.search(data, content_end)
            end = following.start() if following else len(data)
        yield _Segment(marker, position, content_end, end)
        position = end
    raise InvalidInputError(f"the JPEG has more than {MAX_SEGMENTS} segments, as many as are read")


def _read_exif(content: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(content)
    return exif


def _decode_strictly(data: bytes, header: JpegHeader) -> UInt8[np.ndarray, "H W 3"]:
    has_inks = header.num_components == 4
    pixels = np.empty((*header.size, 4 if has_inks else 3), np.uint8)
    decoded = simplejpeg.decode_jpeg(
        data,
        "CMYK" if has_inks else "RGB",
        fastdct=False,
        fastupsample=False,
        buffer=pixels,
        strict=True,
    )
    if decoded.shape != pixels.shape:
        raise ValueError(f"it is {decoded.shape} and says that it is {pixels.shape}")
    if has_inks:
        # Inks are stored inverted, as Adobe does.
        height, width = header.size
        return to_rgb(Image.frombytes("CMYK", (width, height), (255 - pixels).tobytes()))
    return pixels


def _bare(data: bytes, header: JpegHeader) -> bytes:
    """The same pixels without anything that a decoder could only trip over.

    Metadata, junk between segments and zeros behind a scan go; an end marker comes. Some cameras
    leave the parameters of their only scan empty.
    """
    parts = [data[:2]]
    for segment in header.segments:
        content = data[segment.start : segment.content_end]
        coded = data[segment.content_end : segment.end]
        if segment.marker == _SCAN:
            if not header.is_progressive:
                content = content[:-3] + b"\x00\x3f\x00"
            kept = coded.rstrip(b"\0")
            coded = kept + b"\0" if kept.endswith(b"\xff") and kept != coded else kept
        parts += [content, coded]
    return b"".join([*parts, bytes([0xFF, _END])])


def _knows_sampling(data: bytes) -> bool:
    try:
        simplejpeg.decode_jpeg_header(data, strict=False)
    except ValueError:
        return False
    return True


def _by_pillow(data: bytes) -> UInt8[np.ndarray, "H W 3"]:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        image.load()
        return to_rgb(image)
