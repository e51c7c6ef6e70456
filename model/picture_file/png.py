"""PNG files: the chunks that decide the pixels, their checksums verified.

Pillow verifies no checksum of image data. Without text, animation and XMP there is nothing else in
a file that could cost memory or turn the picture.

Source: Portable Network Graphics Specification, third edition, sections 5 and 11.
"""

import struct
import zlib

from model.errors import InvalidInputError

MAX_CHUNKS = 100_000
_DECIDING = {b"IHDR", b"PLTE", b"tRNS", b"IDAT"}
_EXIF = b"eXIf"
_EXIF_AS_TEXT = b"Raw profile type exif\0"
"""Keyword of text chunks in which ImageMagick stores EXIF."""
_SIGNATURE_SIZE = 8


def essential_png(data: bytes) -> bytes:
    """The same picture without the chunks that have no say in the pixels.

    A file without its end is completed: whether all rows are there is for the decoder to tell.

    Raises:
        InvalidInputError: A checksum is wrong, or the size is told twice.
    """
    parts = [data[:_SIGNATURE_SIZE]]
    position, header = _SIGNATURE_SIZE, b""
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        content, checksum = data[position + 8 : end], data[end : end + 4]
        position = end + 4
        if kind == b"IEND":
            break
        sound = len(checksum) < 4 or int.from_bytes(checksum, "big") == zlib.crc32(
            content, zlib.crc32(kind)
        )
        if kind in _DECIDING:
            if not sound:
                raise InvalidInputError(
                    f"the PNG is damaged: its chunk {kind.decode()} is not what was written"
                )
            if kind == b"IHDR":
                if header:
                    raise InvalidInputError("the PNG is damaged: it tells its size twice")
                header = content
            elif kind == b"tRNS":
                content = _transparent_sample(content, header)
        elif not (sound and (kind == _EXIF or content.startswith(_EXIF_AS_TEXT))):
            continue
        parts.append(_chunk(kind, content))
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", checksum)


def _transparent_sample(content: bytes, header: bytes) -> bytes:
    """The transparent grey or colour, scaled as Pillow scales the samples that it compares it to.

    Pillow makes 8 bits of 2 and 4, and of the 16 of a colour; not of the 16 of a grey.
    """
    depth, colour = header[8], header[9]
    samples = struct.unpack(f">{len(content) // 2}H", content[: len(content) // 2 * 2])
    if colour == 0 and depth in (2, 4):
        samples = tuple(sample * 255 // (2**depth - 1) for sample in samples)
    elif colour == 2 and depth == 16:
        samples = tuple(sample >> 8 for sample in samples)
    else:
        return content
    return struct.pack(f">{len(samples)}H", *samples)
