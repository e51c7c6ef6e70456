"""What the service answers when it refuses."""

import httpx

from app.client.wire_types import FieldError


class ProblemError(Exception):
    """The service refused a request: `detail` says what was found and what is allowed."""

    def __init__(self, response: httpx.Response) -> None:
        """Read a problem document; a proxy in front of the service may answer with something else.

        Args:
            response: Read to its end, its status is not 2xx.
        """
        document = _document(response)
        self.status = response.status_code
        self.type = str(document.get("type", "about:blank"))
        """The path of a page of the server that explains the kind of problem."""
        self.title = str(document.get("title", response.reason_phrase))
        self.detail = str(document.get("detail", response.text[:200]))
        self.request_id = response.headers.get("x-request-id")
        errors = document.get("errors")
        self.errors: list[FieldError] = errors if isinstance(errors, list) else []
        """The fields at fault, if any."""
        super().__init__(f"{self.status} {self.title}: {self.detail}")


def _document(response: httpx.Response) -> dict[str, object]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
