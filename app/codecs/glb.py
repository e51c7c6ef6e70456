"""A surface as binary glTF 2.0. V vertices, F faces.

trimesh writes no buffer targets and 32-bit indices, and takes five times as long.

Source: Khronos, glTF 2.0 Specification: GLB (4.4), buffer views and accessors (3.6), meshes
(3.7.2).
"""

import struct
from typing import Any

import numpy as np
import orjson
from jaxtyping import Float32, Shaped

_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_COMPONENT_TYPES = {np.dtype("<f4"): 5126, np.dtype("<u2"): 5123, np.dtype("<u4"): 5125}
_MATERIAL = {
    "name": "body",
    # Without a material glTF means bare metal, which viewers show nearly black.
    "pbrMetallicRoughness": {
        "baseColorFactor": [0.8, 0.745, 0.706, 1.0],
        "metallicFactor": 0.0,
        "roughnessFactor": 0.8,
    },
}


def pack_glb(
    vertices: Float32[np.ndarray, "V 3"],
    normals: Float32[np.ndarray, "V 3"],
    indices: Shaped[np.ndarray, "F 3"],
) -> bytes:
    """One mesh called body.

    Args:
        vertices: In metres, Y up, as in glTF.
        normals: Of length one.
        indices: Little-endian, unsigned, of 16 or 32 bits.
    """
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []
    binary = b""
    for array, kind, target in (
        (vertices, "VEC3", _ARRAY_BUFFER),
        (normals, "VEC3", _ARRAY_BUFFER),
        (indices.reshape(-1), "SCALAR", _ELEMENT_ARRAY_BUFFER),
    ):
        views.append(
            {"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes, "target": target}
        )
        accessors.append(
            {
                "bufferView": len(accessors),
                "componentType": _COMPONENT_TYPES[array.dtype],
                "count": len(array),
                "type": kind,
            }
        )
        binary += _padded(array.tobytes(), b"\0")
    accessors[0] |= {"min": vertices.min(axis=0).tolist(), "max": vertices.max(axis=0).tolist()}
    attributes = {"POSITION": 0, "NORMAL": 1}
    primitive = {"attributes": attributes, "indices": 2, "material": 0}
    document = {
        "asset": {"version": "2.0", "generator": "Habitus"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "body", "mesh": 0}],
        "meshes": [{"name": "body", "primitives": [primitive]}],
        "materials": [_MATERIAL],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    chunks = b"".join(
        struct.pack("<I4s", len(content), name) + content
        for name, content in ((b"JSON", _padded(orjson.dumps(document), b" ")), (b"BIN\0", binary))
    )
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def _padded(content: bytes, filler: bytes) -> bytes:
    """Chunks and views begin at multiples of four bytes."""
    return content + filler * (-len(content) % 4)
