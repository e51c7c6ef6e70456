"""NumPy's .npz: .npy files in a ZIP archive, stored as they are.

Source: PKWARE, APPNOTE.TXT (ZIP File Format Specification) 6.3: local file header (4.3.7), central
directory (4.3.12), its end (4.3.16).
"""

import struct
from collections.abc import Mapping

from isal import isal_zlib

_VERSION = 20
"""Of the specification, 2.0: the oldest with the fields below."""
_DATE = (1 << 5) | 1
"""1980-01-01, the earliest there is: the same arrays give the same bytes."""


def pack_npz(members: Mapping[str, bytes]) -> bytes:
    """An archive of .npy files.

    Args:
        members: Whole .npy files under the names of their arrays; under 4 GB together.
    """
    parts: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for array_name, content in members.items():
        name = f"{array_name}.npy".encode("ascii")
        # Version, flags, method (0: stored), time, date, checksum, both sizes, length of the name,
        # no further fields: the same in the local header and in the directory.
        common = struct.pack(
            "<HHHHHIIIHH",
            *(_VERSION, 0, 0, 0, _DATE),
            isal_zlib.crc32(content),
            *(len(content), len(content), len(name), 0),
        )
        directory += [
            struct.pack("<4sH", b"PK\x01\x02", _VERSION),
            common,
            # No comment, the first disk, no attributes.
            struct.pack("<HHHII", 0, 0, 0, 0, offset),
            name,
        ]
        parts += [b"PK\x03\x04", common, name, content]
        offset += 4 + len(common) + len(name) + len(content)
    size = sum(map(len, directory))
    end = struct.pack(
        "<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(members), len(members), size, offset, 0
    )
    return b"".join([*parts, *directory, end])
