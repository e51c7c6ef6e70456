"""Arrays to the bytes that `Accept` asks for.

H W a picture's size.
"""

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import orjson
from jaxtyping import Float, Shaped, UInt8
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.png import encode_png
from app.stages import timed_stage

JSON = "application/json"
PNG = "image/png"
NPY = "application/x-npy"
NPZ = "application/x-npz"
GLB = "model/gltf-binary"
OBJ = "model/obj"
PLY = "model/ply"
SMALL_BYTES = 16_384
"""Encoded in less time than it takes to hand over to a thread and back."""
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
    num_bytes: float = math.inf,
) -> Response:
    """The answer in the negotiated type, encoded off the event loop unless it is small.

    Args:
        value: What to encode.
        media_type: One of the encoders'.
        encoders: By media type.
        headers: Further ones.
        num_bytes: Of the arrays in the value, where they may be few.
    """
    encode = encoders[media_type]
    with timed_stage("encode"):
        if num_bytes <= SMALL_BYTES:
            body = encode(value)
        else:
            body = await run_in_threadpool(encode, value)
    return Response(body, media_type=media_type, headers={"Vary": "Accept", **(headers or {})})


def grey_png(values: Float[np.ndarray, "H W"]) -> bytes:
    """[0, 1] as 8-bit grey."""
    return encode_png(_to_bytes(values))


def rgb_png(values: Float[np.ndarray, "H W 3"]) -> bytes:
    """[0, 1] as 8-bit RGB."""
    return encode_png(_to_bytes(values))


def npy(array: Shaped[np.ndarray, "..."]) -> bytes:
    """An array as a .npy file."""
    array = np.ascontiguousarray(array)
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, np.lib.format.header_data_from_array_1_0(array))
    return b"".join([buffer.getvalue(), array.data])


def json_bytes(value: object) -> bytes:
    """JSON in which numpy arrays are lists."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _to_bytes(values: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    scaled = values * np.float32(255)
    return np.rint(scaled, out=scaled).astype(np.uint8)
