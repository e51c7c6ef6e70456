"""Arrays to the bytes that `Accept` asks for.

H W a picture's size, V vertices, F faces.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import orjson
import trimesh
from jaxtyping import Float, Int, Shaped, UInt8
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from trimesh.exchange.gltf import export_glb
from trimesh.exchange.obj import export_obj
from trimesh.exchange.ply import export_ply
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

JSON = "application/json"
PNG = "image/png"
NPY = "application/x-npy"
NPZ = "application/x-npz"
GLB = "model/gltf-binary"
OBJ = "model/obj"
PLY = "model/ply"
_MATERIAL = PBRMaterial(
    name="body", baseColorFactor=[205, 190, 180, 255], metallicFactor=0.0, roughnessFactor=0.8
)
"""Without a material glTF means bare metal, which viewers show nearly black."""
_QUALITY = re.compile(r"(0(\.\d{0,3})?|1(\.0{0,3})?)")
_Value = TypeVar("_Value")


class NotAcceptableError(Exception):
    """`Accept` asks for what the endpoint cannot give."""


def negotiate(accept: str | None, offered: Sequence[str]) -> str:
    """The media type to answer in, by the client's wishes and then by the order of the offers.

    Source: RFC 9110, section 12.5.1: the most specific range that covers a type gives its quality,
    and a quality of 0 rules it out. A range that cannot be read covers nothing.

    Args:
        accept: The header; without one anything will do.
        offered: Media types, the preferred one first.

    Raises:
        NotAcceptableError: None of the offers is acceptable.
    """
    if accept is None or not accept.strip():
        return offered[0]
    ranges = [parsed for part in accept.split(",") if (parsed := _parse_range(part))]
    best = max(offered, key=lambda media_type: _quality(media_type, ranges))
    if _quality(best, ranges) == 0:
        raise NotAcceptableError(f"Accept is {accept!r}; this endpoint gives {', '.join(offered)}")
    return best


def _parse_range(text: str) -> tuple[str, float] | None:
    media_range, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            if not _QUALITY.fullmatch(value.strip()):
                return None
            quality = float(value)
    return media_range, quality


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    for covering in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        qualities = [quality for media_range, quality in ranges if media_range == covering]
        if qualities:
            return max(qualities)
    return 0.0


async def respond(
    value: _Value,
    media_type: str,
    encoders: Mapping[str, Callable[[_Value], bytes]],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer in the negotiated type, encoded off the event loop."""
    body = await run_in_threadpool(encoders[media_type], value)
    return Response(body, media_type=media_type, headers={"Vary": "Accept", **(headers or {})})


def grey_png(values: Float[np.ndarray, "H W"]) -> bytes:
    """[0, 1] as 8-bit grey."""
    return _png(_to_bytes(values))


def rgb_png(values: Float[np.ndarray, "H W 3"]) -> bytes:
    """[0, 1] as 8-bit RGB."""
    return _png(_to_bytes(values))


def npy(array: Shaped[np.ndarray, "..."]) -> bytes:
    """An array as a .npy file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def npz(arrays: Mapping[str, Shaped[np.ndarray, "..."]]) -> bytes:
    """Arrays under their names as a .npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def json_bytes(value: object) -> bytes:
    """JSON in which numpy arrays are lists."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def mesh_file(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], media_type: str
) -> bytes:
    """A surface as a GLB, OBJ or PLY file, in metres, Y up, with smooth normals.

    Args:
        vertices: In metres, Y up.
        faces: Counter-clockwise seen from outside.
        media_type: GLB, OBJ or PLY.
    """
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    if media_type == OBJ:
        return bytes(export_obj(mesh, include_normals=True, header=None), "ascii")
    if media_type == PLY:
        return bytes(export_ply(mesh, vertex_normal=True))
    mesh.visual = TextureVisuals(material=_MATERIAL)
    return bytes(export_glb(trimesh.Scene({"body": mesh}), include_normals=True))


def _to_bytes(values: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    return np.rint(values * np.float32(255)).astype(np.uint8)


def _png(pixels: UInt8[np.ndarray, "..."]) -> bytes:
    buffer = io.BytesIO()
    # Level 1 is several times faster than the default and not a quarter larger on these maps.
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
