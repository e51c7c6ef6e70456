"""WebP files: whether the coded pixels are as long as the picture needs.

WebP has no checksum, and its decoder takes any bytes for pixels. It reports when they run out, but
not when some are left over. Damage nearly always changes how many bytes the pixels take. So the
pixels of a sound file cannot be decoded without the last bytes, and those of a damaged one can.

Source: RFC 9649, sections 2.3 to 2.7.
"""

import io
import struct

from PIL import Image

from model.errors import InvalidInputError

SLACK = 16
"""Bytes at the end of a sound file that might not be needed: encoders flush and align."""
MAX_CHUNKS = 100_000
_BITSTREAMS = {b"VP8 ", b"VP8L"}


def check_webp(data: bytes) -> None:
    """Try to decode the picture without its end. An animation is not looked at.

    Raises:
        InvalidInputError: It can be decoded, or there are more than 100,000 chunks.
    """
    position = 12
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(data):
            return
        kind, size = struct.unpack_from("<4sI", data, position)
        start = position + 8
        if kind in _BITSTREAMS:
            coded = data[start : start + size - SLACK] if size > SLACK else b""
            if _can_be_decoded(kind, coded):
                raise InvalidInputError("the WebP is damaged: it holds more data than its pixels")
            return
        position = start + size + size % 2
    raise InvalidInputError(f"the WebP has more than {MAX_CHUNKS} chunks, as many as are read")


def _can_be_decoded(kind: bytes, coded: bytes) -> bool:
    padding = bytes(len(coded) % 2)
    chunks = b"WEBP" + struct.pack("<4sI", kind, len(coded)) + coded + padding
    alone = b"RIFF" + struct.pack("<I", len(chunks)) + chunks
    try:
        with Image.open(io.BytesIO(alone), formats=["WEBP"]) as image:
            image.load()
    except (OSError, EOFError):
        return False
    return True
