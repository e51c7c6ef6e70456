"""Bounds what JSON may hold before it is parsed.

A parser holds the interpreter's lock until it is done, and other requests wait meanwhile. Its time
depends on how many values it makes rather than on bytes: 3 MB of `[]` take half a second.
"""

from app.codecs.npy import MAX_VERTICES
from model.errors import InvalidInputError

_LIMITS = (
    # Two meshes of as many vertices as are allowed, and some room for betas, poses and names.
    (b",", 6 * MAX_VERTICES + 1000, "commas"),
    (b"[", 2 * MAX_VERTICES + 100, "lists"),
    (b"{", 100, "objects"),
    (b":", 100, "names"),
)


def check_json_counts(body: bytes) -> None:
    """Refuse JSON of more values than two meshes have; it may still be no JSON at all.

    Raises:
        InvalidInputError: There are more.
    """
    for token, most, what in _LIMITS:
        if (found := body.count(token)) > most:
            raise InvalidInputError(
                f"the JSON has {found} {what}; two meshes have at most {most} {what}"
            )
