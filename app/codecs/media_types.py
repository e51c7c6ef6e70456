"""Media types that the service reads and writes, and the choice among those of an endpoint."""

from collections.abc import Sequence

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

JSON = "application/json"
FORM = "multipart/form-data"
IMAGE = "image/*"
PNG = "image/png"
NPY = "application/x-npy"
NPZ = "application/x-npz"
WEBP = "image/webp"
MP4 = "video/mp4"
GLB = "model/gltf-binary"
OBJ = "model/obj"
PLY = "model/ply"
FORMATS = {
    "json": JSON,
    "png": PNG,
    "npy": NPY,
    "npz": NPZ,
    "webp": WEBP,
    "mp4": MP4,
    "glb": GLB,
    "obj": OBJ,
    "ply": PLY,
}
"""Value of `?format=` -> media type."""


class NotAcceptableError(Exception):
    """`Accept` or `?format=` asks for what the endpoint cannot give."""


def format_names(offered: Sequence[str]) -> list[str]:
    """Values of `?format=` for these media types, in their order."""
    names = {media_type: name for name, media_type in FORMATS.items()}
    return [names[media_type] for media_type in offered]


def negotiate(accept: str | None, format_name: str | None, offered: Sequence[str]) -> str:
    """Choose the media type of an answer.

    Source: RFC 9110, section 12.5.1. Of ranges with the same quality the more specific one wins,
    then the order of the offers decides.

    Args:
        accept: The header; without one the first offer is chosen.
        format_name: Value of `?format=`; overrides the header.
        offered: Media types, the default first.

    Raises:
        NotAcceptableError: None of the offers is asked for.
    """
    if format_name is not None:
        if format_name not in format_names(offered):
            raise NotAcceptableError(f"format is {format_name!r}; {_offer(offered)}")
        return FORMATS[format_name]
    if accept is None or not accept.strip():
        return offered[0]
    # No offer has parameters: a range with some, such as a charset, counts as one without.
    ranges = [
        (media_range.partition(";")[0].rstrip(), quality)
        for media_range, quality in parse_accept_header(accept)
    ]
    best = MIMEAccept(ranges).best_match(offered)
    if best is None:
        raise NotAcceptableError(f"Accept is {accept!r}; {_offer(offered)}")
    return best


def _offer(offered: Sequence[str]) -> str:
    names = ", ".join(f"?format={name}" for name in format_names(offered))
    return f"this endpoint gives {', '.join(offered)} ({names})"
