"""AVIF and HEIC files: blocks of zeros among the pixels.

Neither has a checksum, and decoders take any bytes for pixels. A disk or a transfer that lost a
part leaves zeros in its place, which no encoder writes in such a number.

Source: ISO/IEC 14496-12, section 8.1.1 (`mdat`).
"""

from model.errors import InvalidInputError

_ZEROS = bytes(4096)
"""A block of most file systems."""


def check_heif(data: bytes, name: str) -> None:
    """Look through the coded items, unless EXIF is among them: cameras fill that up with zeros.

    Raises:
        InvalidInputError: A block is lost.
    """
    start = max(0, data.find(b"mdat"))
    if data.find(b"Exif", 0, start) < 0 and data.find(_ZEROS, start) >= 0:
        raise InvalidInputError(f"the {name} is damaged: a part of its pixels is all zeros")
