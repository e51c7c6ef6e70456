"""JPEG files: what their markers say, and fast decoding.

H W a picture's size.

Source: ITU-T T.81, annex B (markers and segments).
"""

import re
import struct
from dataclasses import dataclass

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from jaxtyping import UInt8

from app.codecs.tiff import read_directory
from model.errors import InvalidInputError

_END_OF_IMAGE, _START_OF_SCAN, _APP0, _APP1, _APP14, _COMMENT = 0xD9, 0xDA, 0xE0, 0xE1, 0xEE, 0xFE
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_HUFFMAN_FRAMES = {0xC0, 0xC1, 0xC2}
"""Baseline, extended and progressive: what simplejpeg is asked to decode."""
_METADATA = {*range(_APP0, 0xF0), _COMMENT} - {_APP0, _APP14}
"""Segments without a say in the pixels; JFIF's and Adobe's name the colours."""
_AFTER_SCAN = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_EXIF = b"Exif\0\0"
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class JpegHeader:
    """What the markers declare."""

    size: tuple[int, int]
    """(height, width), as stored."""
    num_scans: int
    """How many times a decoder goes over the picture."""
    orientation: int
    """EXIF's, 1 to 8; 1, upright, where none can be read."""
    for_simplejpeg: bool
    """Whether it is of a common kind: 8 bits, Huffman, grey or three colours."""
    metadata: tuple[tuple[int, int], ...]
    """Where the segments are, start and end, that no decoder needs."""


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Walk along the markers; nothing is decoded.

    Raises:
        InvalidInputError: The size is not told, told twice, or zero.
    """
    frame: bytes | None = None
    kind = num_scans = 0
    exif = b""
    metadata: list[tuple[int, int]] = []
    position = 2
    while (position := data.find(b"\xff", position)) >= 0 and position + 4 <= len(data):
        marker = data[position + 1]
        if marker in (0x00, 0xFF) or marker in _WITHOUT_LENGTH:
            position += 1 if marker == 0xFF else 2
            continue
        if marker == _END_OF_IMAGE:
            break
        (length,) = struct.unpack_from(">H", data, position + 2)
        end = position + 2 + max(2, length)
        if marker in _FRAMES:
            if frame is not None:
                raise InvalidInputError("the JPEG is damaged: it tells its size twice")
            kind, frame = marker, data[position + 4 : end]
        elif marker == _START_OF_SCAN:
            num_scans += 1
            following = _AFTER_SCAN.search(data, end)
            end = following.start() if following else len(data)
        elif marker in _METADATA and not num_scans:
            metadata.append((position, end))
            if marker == _APP1 and not exif and data.startswith(_EXIF, position + 4):
                exif = data[position + 4 + len(_EXIF) : end]
        position = end
    if frame is None or len(frame) < 6:
        raise InvalidInputError("the JPEG is truncated or damaged: it does not tell its size")
    precision, height, width, num_components = struct.unpack_from(">BHHB", frame)
    if not (height and width):
        raise InvalidInputError(f"the JPEG is damaged: it says that it is {width}x{height}")
    common = kind in _HUFFMAN_FRAMES and precision == 8 and num_components in (1, 3)
    return JpegHeader((height, width), num_scans, _orientation(exif), common, tuple(metadata))


def decode_common(data: bytes, header: JpegHeader) -> UInt8[np.ndarray, "H W 3"] | None:
    """RGB as stored, or None for what is damaged or odd: another decoder may know better.

    The same pixels as Pillow's: exact transform, smooth upsampling, no warning let pass.
    """
    if not header.for_simplejpeg:
        return None
    pixels = np.empty((*header.size, 3), np.uint8)
    try:
        decoded = simplejpeg.decode_jpeg(
            data, "RGB", fastdct=False, fastupsample=False, buffer=pixels, strict=True
        )
    except ValueError:
        return None
    return pixels if decoded.shape == pixels.shape else None


def without_metadata(data: bytes, header: JpegHeader) -> bytes:
    """The same picture without thumbnails, profiles and notes, for a decoder not to trip over."""
    kept, start = [], 0
    for begin, end in header.metadata:
        kept.append(data[start:begin])
        start = end
    return b"".join([*kept, data[start:]])


def _orientation(exif: bytes) -> int:
    """Unreadable EXIF says nothing, to viewers as to us."""
    try:
        orientation = read_directory(exif).get(_ORIENTATION)
    except InvalidInputError:
        return 1
    return orientation.value if orientation and 1 <= orientation.value <= 8 else 1
