"""TIFF files: what Pillow and libtiff would believe at a great cost, misread, or not verify.

Pillow reads the fields. Before it sees the file, their number and size are bounded: it makes a
Python object of each value, and libtiff keeps a copy of each field, however often they overlap.

Source: TIFF Revision 6.0, sections 2 (structure) and 8 (fields); Technical Note 2 (JPEG).
"""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from model.errors import InvalidInputError, PictureTooLargeError, UnsupportedFormatError
from model.picture_file.jpeg import decode_jpeg, read_jpeg_header

MAX_VALUES = 2**18
"""Of a field; a row in each strip and a plane for each colour need 196,605."""
_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Field type -> bytes of one value; 1 in others."""
_SHORT, _BYTES = 3, {1, 2, 7}
"""Field types; Pillow keeps bytes as they are."""
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_SAMPLES, _PLANAR, _SAMPLE_FORMAT, _JPEG_TABLES = 277, 284, 339, 347
_STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_SIZES = 273, 278, 279
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_SIZES = 322, 323, 324, 325
_KINDS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_RAW, _JPEG, _DEFLATE, _SIMPLE = {1}, {7}, {8, 32946}, {2, 3, 4, 5, 32773}
"""Compressions; simple ones are fax, LZW and PackBits."""
_ZEROS = bytes(256)
"""None of the simple compressions writes so many."""
_CHUNK = 2**20


def plain_tiff(data: bytes) -> bytes:
    """The file as Pillow reads it rightly: without `is_negative`, which it knows for few kinds.

    Raises:
        InvalidInputError: The first directory is cut off, or too large for its file.
        UnsupportedFormatError: A kind of TIFF that Pillow does not read, or misreads.
    """
    fields = _read_fields(data)
    bits, compression = fields.get(_BITS, (1,)), fields.get(_COMPRESSION, 1)
    kinds = {_KINDS[kind] for kind in fields.get(_SAMPLE_FORMAT, (1,)) if kind in _KINDS}
    planes = "separate planes of " if fields.get(_PLANAR) == 2 and len(bits) > 1 else ""
    if kinds or max(bits) not in (1, 2, 4, 8, 16) or (planes and max(bits) > 8):
        found = f"{planes}{' '.join([*kinds, f'{max(bits)}-bit'])} samples"
        raise UnsupportedFormatError(
            f"the picture is a TIFF with {found}; unsigned samples of 1, 2, 4, 8 or 16 bits are "
            "read, separate planes only of 8 bits"
        )
    if compression not in _RAW | _JPEG | _DEFLATE | _SIMPLE:
        raise UnsupportedFormatError(
            f"the picture is a TIFF with compression {compression}; uncompressed ones, fax, "
            "LZW, JPEG, deflate and PackBits are read"
        )
    if is_negative(data):
        place, _, kind, _ = next(e for e in _entries(data) if e[1] == _PHOTOMETRIC)
        one = struct.pack(_order(data) + ("H" if kind == _SHORT else "I"), 1)
        return data[: place + 8] + one + data[place + 8 + len(one) :]
    return data


def is_negative(data: bytes) -> bool:
    """Whether it is grey of 16 bits in which 0 means white; Pillow knows that of fewer bits."""
    fields = _read_fields(data)
    return fields.get(_PHOTOMETRIC) == 0 and fields.get(_BITS) == (16,)


def check_tiff_parts(data: bytes, max_pixels: int) -> None:
    """Look at strips or tiles that are too many or too large, and damaged where libtiff is silent.

    Raises:
        PictureTooLargeError: A strip or tile has more than `max_pixels`.
        InvalidInputError: They do not make up the picture, are damaged or lie beyond the file.
        ValueError, zlib.error: They are damaged.
    """
    fields = _read_fields(data)
    compression, bits = fields.get(_COMPRESSION, 1), fields.get(_BITS, (1,))
    height, width, num_samples = fields[_LENGTH], fields[_WIDTH], fields.get(_SAMPLES, len(bits))
    num_planes = num_samples if fields.get(_PLANAR) == 2 else 1
    part_height, part_width = min(height, fields.get(_ROWS_PER_STRIP, height)), width
    offsets, sizes = fields.get(_STRIP_OFFSETS, ()), fields.get(_STRIP_SIZES, ())
    if _TILE_OFFSETS in fields:
        part_height, part_width = fields[_TILE_LENGTH], fields[_TILE_WIDTH]
        offsets, sizes = fields[_TILE_OFFSETS], fields.get(_TILE_SIZES, ())
    if part_height * part_width > max_pixels:
        raise PictureTooLargeError(
            f"the TIFF has parts of {part_width}x{part_height} pixels; "
            f"at most {max_pixels} are read"
        )
    if min(part_height, part_width) < 1:
        raise InvalidInputError(f"the TIFF is damaged: its parts are {part_width}x{part_height}")
    num_parts = -(-height // part_height) * -(-width // part_width) * num_planes
    if not offsets or len(offsets) > num_parts or sum(sizes) > len(data):
        raise InvalidInputError(
            f"the TIFF is damaged: it has {len(offsets)} strips or tiles of {sum(sizes)} bytes"
        )
    if compression in _RAW:
        return
    num_bytes = part_height * (part_width * (num_samples // num_planes) * max(bits) // 8 + 1)
    for offset, size in zip(offsets, sizes, strict=False):
        part = data[offset : offset + size]
        if len(part) < size:
            raise InvalidInputError("the TIFF is truncated: its pixels go on beyond its end")
        if compression in _DEFLATE:
            _check_deflated(part, num_bytes)
        elif compression in _JPEG:
            whole = fields.get(_JPEG_TABLES, b"\xff\xd8\xff\xd9")[:-2] + part[2:]
            header = read_jpeg_header(whole)
            if header.size[0] > part_height or header.size[1] > part_width:
                raise InvalidInputError("the TIFF is damaged: a part is larger than it says")
            decode_jpeg(whole, header)
        elif _ZEROS in part:
            raise InvalidInputError("the TIFF is damaged: a part of its pixels is all zeros")


def _check_deflated(part: bytes, num_bytes: int) -> None:
    """Let zlib verify its checksum, which libtiff does not reach."""
    stream = zlib.decompressobj()
    left = num_bytes + 1
    while part and left > 0 and not stream.eof:
        left -= len(stream.decompress(part, min(left, _CHUNK)))
        part = stream.unconsumed_tail
    if not left:
        raise InvalidInputError("the TIFF is damaged: one of its parts holds more pixels than fit")


def _read_fields(data: bytes) -> ImageFileDirectory_v2:
    declared = 0
    for _, _, kind, count in _entries(data):
        declared += count * _SIZES.get(kind, 1)
        if declared > len(data) or (count > MAX_VALUES and kind not in _BYTES):
            raise InvalidInputError(
                "the TIFF is damaged: its directory is larger than any picture needs"
            )
    fields = ImageFileDirectory_v2(data[:8])
    stream = io.BytesIO(data)
    stream.seek(fields.next)
    fields.load(stream)
    return fields


def _entries(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Place in the file, tag, type and number of values of each field of the first directory."""
    order = _order(data)
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (num_entries,) = struct.unpack_from(f"{order}H", data, start)
    for place in range(start + 2, start + 2 + 12 * num_entries, 12):
        yield place, *struct.unpack_from(f"{order}HHI", data, place)


def _order(data: bytes) -> str:
    return "<" if data.startswith(b"II") else ">"
