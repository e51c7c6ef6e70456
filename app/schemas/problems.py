"""The kinds of problems that the service answers with: status, name, explanation, example."""

from dataclasses import dataclass

RETRY_AFTER_S = 1
"""A queue of ordinary pictures has advanced by then."""


@dataclass(frozen=True)
class Kind:
    """A kind of problem."""

    status: int
    name: str
    """The last part of its page's path."""
    title: str
    explanation: str
    """When it happens, and what the client can do."""
    example: str
    """A `detail`: what was found, and what is allowed."""
    headers: tuple[tuple[str, str], ...] = ()


_RETRY = (("Retry-After", str(RETRY_AFTER_S)),)
_CLOSE = (("Connection", "close"),)
BAD_HEAD = Kind(
    400,
    "bad-request-head",
    "Bad request head",
    "The request line or a header cannot be read, or the Host header names a host that "
    "HABITUS_ALLOWED_HOSTS does not list.",
    "the Host header is 'a.example'; HABITUS_ALLOWED_HOSTS lists the names that are served",
)
MALFORMED = Kind(
    400,
    "malformed-body",
    "Malformed body",
    "The body is not valid JSON, or not a valid multipart form. Let an HTTP library write it: "
    "curl -F image=@photo.jpg sends a form.",
    "the body is not JSON: Expecting value at character 12",
)
UNAUTHORIZED = Kind(
    401,
    "unauthorized",
    "Unauthorized",
    "The server requires an API key, and the request has none or an unknown one. Send X-API-Key: "
    "KEY or Authorization: Bearer KEY.",
    "no API key was sent; send X-API-Key: KEY or Authorization: Bearer KEY",
    (("WWW-Authenticate", 'Bearer realm="habitus"'),),
)
NOT_FOUND = Kind(
    404,
    "not-found",
    "Not found",
    "The server has no such path; /docs lists all.",
    "there is no /mesch; /docs shows what there is",
)
METHOD_NOT_ALLOWED = Kind(
    405,
    "method-not-allowed",
    "Method not allowed",
    "The path does not support this HTTP method; the Allow header lists those that it does.",
    "/mesh does not take GET; it takes POST",
)
NOT_ACCEPTABLE = Kind(
    406,
    "not-acceptable",
    "Not acceptable",
    "Accept or ?format= asks for a format that the endpoint does not give. Ask for one that the "
    "detail lists, or for none.",
    "Accept is 'text/html'; this endpoint gives image/png, application/json (?format=png, "
    "?format=json)",
)
TOO_SLOW = Kind(
    408,
    "too-slow",
    "Too slow",
    "The body did not arrive within the time limit. Send a smaller picture, or use a faster "
    "connection.",
    "81920 bytes of the body arrived within 60 s, and not all",
    _CLOSE,
)
TOO_LARGE = Kind(
    413,
    "too-large",
    "Too large",
    "The body has too many bytes, or the picture too many pixels. Send a smaller picture: the "
    "networks see few pixels, so little is lost.",
    "the body is larger than 20000000 bytes, as much as is read",
)
UNSUPPORTED_TYPE = Kind(
    415,
    "unsupported-media-type",
    "Unsupported media type",
    "The endpoint does not read this Content-Type. Send one that the detail lists.",
    "the content type is 'text/plain'; this endpoint reads multipart/form-data, application/json, "
    "image/*; send a file part named `image`: curl -F image=@photo.jpg",
)
UNSUPPORTED = Kind(
    415,
    "unsupported-format",
    "Unsupported format",
    "The file is not a picture, or of an unsupported format; its content decides, not its name. "
    "Convert it to a format that the detail lists.",
    "the picture is a PDF file; JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF are read",
)
UNUSABLE = Kind(
    422,
    "unusable-input",
    "Unusable input",
    "A picture, number, field or query parameter cannot be used. Correct what the detail names; "
    "`errors` lists the fields at fault.",
    "image is 8x8; each side must be at least 16 pixels",
)
RATE_EXCEEDED = Kind(
    429,
    "rate-exceeded",
    "Rate exceeded",
    "The API key or the address has sent more requests a minute than the operator allows. Retry "
    "after the seconds in Retry-After.",
    "more than 60 requests a minute; ask again in 1 s",
    _RETRY,
)
HEAD_TOO_LARGE = Kind(
    431,
    "head-too-large",
    "Request head too large",
    "The request line and the headers are too large. Send fewer or shorter headers.",
    "the request head has 40010 bytes and 7 headers; at most 32768 bytes and 100 headers are read",
    _CLOSE,
)
INTERNAL = Kind(
    500,
    "internal",
    "Internal error",
    "The server has a defect. Report the request id to the operator, who finds it in the log.",
    "the server failed; its log says more, by this id",
)
MISSING = Kind(
    503,
    "capability-missing",
    "Capability not loaded",
    "The checkpoint that the endpoint needs was not there when the server started. The operator "
    "runs the command in the detail and restarts the server.",
    "silhouette is not loaded: silhouette.safetensors was not there when the server started. "
    "`python -m training fit silhouette` makes it; then restart the server.",
)
BUSY = Kind(
    503,
    "queue-full",
    "Queue full",
    "As many requests are queued and running as the operator allows. Retry after the seconds in "
    "Retry-After.",
    "32 requests are queued or running, as many as are allowed; ask again shortly",
    _RETRY,
)
CROWDED = Kind(
    503,
    "too-many-requests-at-once",
    "Too many requests at once",
    "The bodies and pictures of other requests take as much memory as the operator allows. Retry "
    "after the seconds in Retry-After.",
    "other requests take 1990.4 of 2000.0 MB and this one needs 12.2 MB; ask again shortly",
    _RETRY,
)
CLOSING = Kind(
    503,
    "shutting-down",
    "Shutting down",
    "The server is shutting down and accepts no more work. Retry: another server answers, or this "
    "one when it is back.",
    "the server is shutting down; ask again when it is back",
    _RETRY,
)
NOT_READY = Kind(
    503,
    "not-ready",
    "Not ready",
    "The server is warming up, has no checkpoint, or has lost a device. Retry after the seconds "
    "in Retry-After.",
    "no capability is loaded",
    _RETRY,
)
MEMORY = Kind(
    503,
    "out-of-memory",
    "Out of device memory",
    "The item does not fit into the free memory of the device. Retry later, or send a smaller "
    "picture.",
    "the item does not fit into the device's memory; ask again later",
    _RETRY,
)
LATE = Kind(
    504,
    "deadline-passed",
    "Deadline passed",
    "There was no result within the time limit. Retry when the server is less busy, or send a "
    "smaller picture.",
    "no result within 30 s; the server is busy, or the item is large",
)
KINDS = {kind.name: kind for kind in tuple(globals().values()) if isinstance(kind, Kind)}
"""By name."""
