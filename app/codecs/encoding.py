"""Arrays to the bytes of an answer, in the media type that was negotiated.

H W a picture's size.
"""

import io
import math
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import orjson
from jaxtyping import Float, Shaped, UInt8
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.codecs.png import encode_png
from app.telemetry.request_timing import timed_stage

SMALL_BYTES = 16_384
"""Encoded in less time than it takes to hand over to a thread and back."""
_Value = TypeVar("_Value")


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
