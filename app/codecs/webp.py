"""What a WebP declares before it is decoded.

Source: RFC 9649, sections 2.4 to 2.7 (containers) and 3.4 (lossless header); RFC 6386, section 9.1.
"""

import struct

from model.errors import InvalidInputError

_PAYLOAD = 20
"""Behind the header of the file, 12 bytes, and that of the first chunk, 8."""


def read_webp_size(data: bytes) -> tuple[int, int]:
    """(height, width) of the canvas.

    Raises:
        InvalidInputError: The first chunk is none that may come first, or is cut off.
    """
    kind, payload = data[12:16], data[_PAYLOAD : _PAYLOAD + 10]
    if len(payload) == 10:
        if kind == b"VP8X":
            width = 1 + int.from_bytes(payload[4:7], "little")
            return 1 + int.from_bytes(payload[7:10], "little"), width
        if kind == b"VP8 ":
            width, height = struct.unpack_from("<HH", payload, 6)
            return height & 0x3FFF, width & 0x3FFF
        if kind == b"VP8L":
            bits = int.from_bytes(payload[1:5], "little")
            return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    raise InvalidInputError("the WebP is truncated or damaged: it does not tell its size")
