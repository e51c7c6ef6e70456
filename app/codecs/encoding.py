"""Arrays to the bytes of an answer, in the media type that was negotiated.

H W a picture's size.
"""

import io
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import orjson
from jaxtyping import Float, Shaped
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.codecs.png import encode_png
from app.telemetry.request_timing import timed_stage

_Value = TypeVar("_Value")


async def respond(
    value: _Value,
    media_type: str,
    encoders: Mapping[str, Callable[[_Value], bytes]],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer in the negotiated type, encoded in a thread."""
    with timed_stage("encode"):
        body = await run_in_threadpool(encoders[media_type], value)
    return Response(body, media_type=media_type, headers={"Vary": "Accept", **(headers or {})})


def unit_png(values: Float[np.ndarray, "H W *channels"]) -> bytes:
    """[0, 1] as an 8-bit PNG, grey or RGB."""
    scaled = values * np.float32(255)
    return encode_png(np.rint(scaled, out=scaled).astype(np.uint8))


def npy(array: Shaped[np.ndarray, "..."]) -> bytes:
    """An array as a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def json_bytes(value: object) -> bytes:
    """JSON in which numpy arrays are lists."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
