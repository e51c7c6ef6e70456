"""The bytes of a picture from a request's body: a form's file, JSON, or the body itself."""

import binascii
from collections.abc import Callable

from starlette.requests import Request

from app.codecs.media_types import FORM, IMAGE, JSON
from app.codecs.request_body import BodyRule, check_media_type, field_error, parse_json, read_files
from app.schemas.common import PictureInJson

PICTURE = BodyRule(
    media_types=(FORM, JSON, IMAGE),
    fields=("image",),
    hint="send a file part named `image`: curl -F image=@photo.jpg",
)
MAX_COMMAS = 1000
"""In a body of JSON. Each separates two values; a body of millions of values would hold the
interpreter's lock for seconds while it is parsed. Base64 has no comma, a data: URL has one."""


async def receive_picture(request: Request, max_bytes: int) -> Callable[[], bytes]:
    """Receive the body.

    Args:
        request: To an endpoint that takes a picture.
        max_bytes: As many as a body may have.

    Returns:
        What makes the picture's bytes of the body; it takes a thread.

    Raises:
        UnsupportedMediaTypeError: The body is neither a form, nor JSON, nor a picture.
        RequestValidationError: A form without exactly one file named `image`.
    """
    media_type = await check_media_type(request, PICTURE)
    if media_type == FORM:
        [data] = await read_files(request, PICTURE, max_bytes)
        return lambda: data
    body = await request.body()
    if media_type == JSON:
        return lambda: _from_json(body)
    return lambda: body


def _from_json(body: bytes) -> bytes:
    num_commas = body.count(b",")
    if num_commas > MAX_COMMAS:
        raise field_error(
            "image", f"the JSON has {num_commas} commas; at most {MAX_COMMAS} are read"
        )
    return decode_base64(parse_json(PictureInJson, body).image)


def decode_base64(text: str) -> bytes:
    """Base64 of RFC 4648, with or without line breaks, or a data: URL of RFC 2397 in base64.

    Raises:
        RequestValidationError: Neither.
    """
    head, comma, encoded = text.partition(",")
    is_data_url = head[:5].lower() == "data:"
    if is_data_url and not (comma and head.lower().endswith(";base64")):
        raise field_error("image", "the data: URL is not in base64; data:image/jpeg;base64,... is")
    if head[:8].lower().startswith(("http://", "https://")):
        raise field_error("image", "a web address was sent; the server fetches none: send the file")
    try:
        packed = (encoded if is_data_url else text).encode("ascii").translate(None, b" \t\r\n")
        return binascii.a2b_base64(packed, strict_mode=True)
    except ValueError:
        raise field_error(
            "image",
            "the text is not base64 (A to Z, a to z, 0 to 9, +, /, padded with =); "
            "`base64 -w0 photo.jpg` makes it",
        ) from None
