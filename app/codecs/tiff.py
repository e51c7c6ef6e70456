"""TIFF files, and the TIFF inside EXIF: their first directory, read without trust.

Source: TIFF Revision 6.0, section 2 (structure) and section 8 (baseline fields).
"""

import struct
from dataclasses import dataclass

from model.errors import InvalidInputError

_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Field type -> bytes of one value."""
_NUMBERS = {1: "B", 3: "H", 4: "I"}
_ENTRY = 12
_WIDTH, _LENGTH, _COMPRESSION, _SAMPLES = 256, 257, 259, 277
_STRIP_OFFSETS, _ROWS_PER_STRIP = 273, 278
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS = 322, 323, 324
_MAX_SAMPLES = 8
_UNTOLD_ROWS = 2**32 - 1
"""All rows in one strip."""


@dataclass(frozen=True)
class Field:
    """One entry of a directory."""

    count: int
    value: int
    """The first value; -1 where it is no unsigned integer."""


def read_directory(data: bytes) -> dict[int, Field]:
    """The fields of the first directory.

    Raises:
        InvalidInputError: It is not there, tells a field twice, or its values together are larger
            than the file.
    """
    order = _BYTE_ORDERS.get(data[:4])
    if order is None or len(data) < 8:
        raise InvalidInputError("the TIFF is damaged: its header cannot be read")
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    if start + 2 > len(data):
        raise InvalidInputError("the TIFF is truncated: its directory is not there")
    (num_fields,) = struct.unpack_from(f"{order}H", data, start)
    entries = data[start + 2 : start + 2 + num_fields * _ENTRY]
    if len(entries) < num_fields * _ENTRY:
        raise InvalidInputError("the TIFF is truncated: its directory ends early")
    fields: dict[int, Field] = {}
    outside = 0
    for tag, kind, count, inline in struct.iter_unpack(f"{order}HHI4s", entries):
        size = _SIZES.get(kind, 1) * count
        source, place = inline, 0
        if size > len(inline):
            outside += size
            source, (place,) = data, struct.unpack(f"{order}I", inline)
        if tag in fields or outside > len(data):
            raise InvalidInputError("the TIFF is damaged: its directory contradicts itself")
        value = -1
        if count and kind in _NUMBERS and place + _SIZES[kind] <= len(source):
            (value,) = struct.unpack_from(order + _NUMBERS[kind], source, place)
        fields[tag] = Field(count, value)
    return fields


@dataclass(frozen=True)
class TiffHeader:
    """What the first directory declares of its picture."""

    size: tuple[int, int]
    """(height, width), as stored."""
    part: tuple[int, int]
    """(height, width) of a strip or a tile."""
    compression: int
    """1 for none; the others as TIFF numbers them."""


def read_tiff_header(data: bytes) -> TiffHeader:
    """The sizes that a decoder would believe, checked against each other.

    Raises:
        InvalidInputError: They cannot be read or contradict each other.
    """
    fields = read_directory(data)

    def number(tag: int, default: int | None = None) -> int:
        value = fields[tag].value if tag in fields else default
        if value is None or value < 1:
            raise InvalidInputError(f"the TIFF is damaged: its field {tag} is missing or unusable")
        return value

    height, width = number(_LENGTH), number(_WIDTH)
    tiled = _TILE_OFFSETS in fields
    if tiled:
        part = number(_TILE_LENGTH), number(_TILE_WIDTH)
    else:
        part = min(height, number(_ROWS_PER_STRIP, _UNTOLD_ROWS)), width
    num_parts = -(-height // part[0]) * -(-width // part[1])
    offsets = fields.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS)
    num_samples = number(_SAMPLES, 3)
    if num_samples > _MAX_SAMPLES:
        raise InvalidInputError(
            f"the TIFF has {num_samples} samples a pixel; at most {_MAX_SAMPLES} are read"
        )
    # Each sample may have parts of its own.
    if offsets is None or offsets.count > num_parts * num_samples:
        found = 0 if offsets is None else offsets.count
        raise InvalidInputError(f"the TIFF is damaged: it has {found} strips or tiles")
    return TiffHeader((height, width), part, number(_COMPRESSION, 1))
