"""Arrays to a binary glTF file (GLB): what trimesh's writer cannot do is skins and shape targets.

Source: Khronos, glTF 2.0 specification, sections 3.6 and 4.
"""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from app.codecs.encoding import json_bytes

ATTRIBUTES, INDICES = 34962, 34963
"""What a graphics card uses an array for."""
_COMPONENT_TYPES = {"uint8": 5121, "uint16": 5123, "uint32": 5125, "float32": 5126}
_TYPES: dict[tuple[int, ...], str] = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_ALIGNMENT = 4


class Buffer:
    """The arrays of a file, and the JSON that describes them.

    A copy shares the arrays that are there already, so that files can begin with the same ones.
    """

    def __init__(self, begin_with: "Buffer | None" = None) -> None:
        self._chunks: list[bytes] = [] if begin_with is None else begin_with._chunks.copy()
        self._views: list[Any] = [] if begin_with is None else begin_with._views.copy()
        self._accessors: list[Any] = [] if begin_with is None else begin_with._accessors.copy()
        self._size: int = 0 if begin_with is None else begin_with._size

    def add(
        self, array: Shaped[np.ndarray, "N ..."], use: int | None = None, bounds: bool = False
    ) -> int:
        """Append an array and give the number of its accessor.

        Args:
            array: uint8, uint16, uint32 or float32; scalars, vectors of 3 or 4, or 4 x 4 matrices
                whose rows are the columns that glTF wants one after the other.
            use: `ATTRIBUTES`, `INDICES`, or nothing for what no graphics card reads.
            bounds: Whether to state the smallest and the largest value, as positions need.
        """
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        view = {"buffer": 0, "byteOffset": self._size, "byteLength": len(data)}
        accessor = {
            "bufferView": len(self._views),
            "componentType": _COMPONENT_TYPES[array.dtype.name],
            "count": len(array),
            "type": _TYPES[array.shape[1:]],
        }
        if use is not None:
            view["target"] = use
        if bounds:
            accessor |= {"min": array.min(axis=0), "max": array.max(axis=0)}
        self._views.append(view)
        self._accessors.append(accessor)
        self._chunks.append(_padded(data, b"\0"))
        self._size += len(self._chunks[-1])
        return len(self._accessors) - 1

    def glb(self, document: Mapping[str, Any]) -> bytes:
        """The file.

        Args:
            document: The JSON without what describes the arrays.
        """
        described = json_bytes(
            {
                **document,
                "buffers": [{"byteLength": self._size}],
                "bufferViews": self._views,
                "accessors": self._accessors,
            }
        )
        text = _padded(described, b" ")
        length = 12 + 8 + len(text) + 8 + self._size
        head = struct.pack("<4sIII4s", b"glTF", 2, length, len(text), b"JSON")
        return b"".join([head, text, struct.pack("<I4s", self._size, b"BIN\0"), *self._chunks])


def linear_colours(colours: UInt8[np.ndarray, "V 3"]) -> Float32[np.ndarray, "V 3"]:
    """sRGB, as pictures have it, to the linear values in [0, 1] of glTF's vertices.

    Source: IEC 61966-2-1.
    """
    levels = np.arange(256) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    chosen: np.ndarray = linear.astype(np.float32)[colours]
    return chosen


def _padded(data: bytes, filler: bytes) -> bytes:
    return data + filler * (-len(data) % _ALIGNMENT)
