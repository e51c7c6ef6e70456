"""A surface as binary glTF 2.0.

V vertices, F faces.

Source: Khronos, glTF 2.0 Specification: GLB (4.4), buffer views and accessors (3.6), meshes
(3.7.2).
"""

import struct
from typing import Any

import numpy as np
import orjson
from jaxtyping import Float32, Shaped

_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_FLOAT = 5126
_INDEX_TYPES = {np.dtype("<u2"): 5123, np.dtype("<u4"): 5125}
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
        vertices: In metres, Y up, as glTF wants them.
        normals: Of length one.
        indices: Little-endian, unsigned, of 16 or 32 bits.
    """
    contents = [array.tobytes() for array in (vertices, normals, indices)]
    binary = [_padded(content, b"\0") for content in contents]
    sizes = [sum(map(len, parts)) for parts in binary]
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "Habitus"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "body", "mesh": 0}],
        "meshes": [
            {
                "name": "body",
                "primitives": [
                    {"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2, "material": 0}
                ],
            }
        ],
        "materials": [_MATERIAL],
        "accessors": [
            {
                **_accessor(0, "VEC3", _FLOAT, len(vertices)),
                "min": vertices.min(axis=0).tolist(),
                "max": vertices.max(axis=0).tolist(),
            },
            _accessor(1, "VEC3", _FLOAT, len(normals)),
            _accessor(2, "SCALAR", _INDEX_TYPES[indices.dtype], indices.size),
        ],
        "bufferViews": [
            {
                "buffer": 0,
                "byteOffset": sum(sizes[:number]),
                "byteLength": len(contents[number]),
                "target": target,
            }
            for number, target in enumerate((_ARRAY_BUFFER, _ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER))
        ],
        "buffers": [{"byteLength": sum(sizes)}],
    }
    head = _padded(orjson.dumps(document), b" ")
    head_size = sum(map(len, head))
    return b"".join(
        [
            struct.pack("<4sII", b"glTF", 2, 12 + 8 + head_size + 8 + sum(sizes)),
            struct.pack("<II", head_size, _JSON_CHUNK),
            *head,
            struct.pack("<II", sum(sizes), _BINARY_CHUNK),
            *(part for parts in binary for part in parts),
        ]
    )


def _accessor(view: int, kind: str, component_type: int, count: int) -> dict[str, Any]:
    return {"bufferView": view, "componentType": component_type, "count": count, "type": kind}


def _padded(content: bytes, filler: bytes) -> tuple[bytes, bytes]:
    """The content, and what brings it to a multiple of four bytes."""
    return content, filler * (-len(content) % 4)
