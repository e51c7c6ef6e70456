"""The kinds of problems that the service answers with: status, name, example."""

from dataclasses import dataclass

RETRY_AFTER_S = 1
"""A queue of ordinary pictures has advanced by then."""


@dataclass(frozen=True)
class Kind:
    """A kind of problem."""

    status: int
    name: str
    """The last part of its `type`; web/problems.html explains it."""
    example: str
    """A `detail`: what was found, and what is allowed."""
    headers: tuple[tuple[str, str], ...] = ()
    code: str | None = None
    """A member of the document that programs may branch on; RFC 9457 calls it an extension."""

    @property
    def title(self) -> str:
        """Its name in words."""
        return self.name.replace("-", " ").capitalize()


_RETRY = (("Retry-After", str(RETRY_AFTER_S)),)
_CLOSE = (("Connection", "close"),)
BAD_HEAD = Kind(
    400,
    "bad-request-head",
    "the Host header is 'a.example'; HABITUS_ALLOWED_HOSTS lists the names that are served",
)
MALFORMED = Kind(400, "malformed-body", "the body is not JSON: Expecting value at character 12")
UNAUTHORIZED = Kind(
    401,
    "unauthorized",
    "no API key was sent; send X-API-Key: KEY or Authorization: Bearer KEY",
    (("WWW-Authenticate", 'Bearer realm="habitus"'),),
)
NOT_FOUND = Kind(404, "not-found", "there is no /mesch; /docs shows what there is")
METHOD_NOT_ALLOWED = Kind(405, "method-not-allowed", "/mesh does not take GET; it takes POST")
NOT_ACCEPTABLE = Kind(
    406,
    "not-acceptable",
    "Accept is 'text/html'; this endpoint gives image/png, application/json (?format=png, "
    "?format=json)",
)
TOO_SLOW = Kind(408, "too-slow", "81920 bytes of the body arrived within 60 s, and not all", _CLOSE)
TOO_LARGE = Kind(413, "too-large", "the body is larger than 20000000 bytes, as much as is read")
UNSUPPORTED_TYPE = Kind(
    415,
    "unsupported-media-type",
    "the content type is 'text/plain'; this endpoint reads multipart/form-data, application/json, "
    "image/*; send a file part named `image`: curl -F image=@photo.jpg",
)
UNSUPPORTED = Kind(
    415,
    "unsupported-format",
    "the picture is a PDF file; JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF are read",
)
UNUSABLE = Kind(422, "unusable-input", "image is 8x8; each side must be at least 16 pixels")
NO_PERSON = Kind(
    422,
    "no-person",
    "nobody was found in the picture; a person whose head and shoulders are seen is needed",
    code="no-person",
)
RATE_EXCEEDED = Kind(
    429, "rate-exceeded", "more than 60 requests a minute; ask again in 1 s", _RETRY
)
HEAD_TOO_LARGE = Kind(
    431,
    "head-too-large",
    "the request head has 40010 bytes and 7 headers; at most 32768 bytes and 100 headers are read",
    _CLOSE,
)
INTERNAL = Kind(500, "internal", "the server failed; its log says more, by this id")
MISSING = Kind(
    503,
    "capability-missing",
    "silhouette is not loaded: silhouette.safetensors was not there when the server started. "
    "`python -m training fit silhouette` makes it; then restart the server.",
)
BUSY = Kind(
    503,
    "queue-full",
    "32 requests are queued or running, as many as are allowed; ask again shortly",
    _RETRY,
)
CROWDED = Kind(
    503,
    "too-many-requests-at-once",
    "other requests take 1990.4 of 2000.0 MB and this one needs 12.2 MB; ask again shortly",
    _RETRY,
)
CLOSING = Kind(
    503, "shutting-down", "the server is shutting down; ask again when it is back", _RETRY
)
NOT_READY = Kind(503, "not-ready", "no capability is loaded", _RETRY)
MEMORY = Kind(
    503, "out-of-memory", "the item does not fit into the device's memory; ask again later", _RETRY
)
LATE = Kind(
    504, "deadline-passed", "no result within 30 s; the server is busy, or the item is large"
)
KINDS = {kind.name: kind for kind in tuple(globals().values()) if isinstance(kind, Kind)}
"""By name."""
