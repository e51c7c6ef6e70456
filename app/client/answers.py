"""An answer of the service."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx

if TYPE_CHECKING:
    import numpy as np

_Json = TypeVar("_Json")
_Json_co = TypeVar("_Json_co", covariant=True)


@dataclass(frozen=True)
class Answer(Generic[_Json_co]):
    """What the service sent, in the format that was asked for."""

    response: httpx.Response

    @property
    def content(self) -> bytes:
        """The bytes: of a PNG, a GLB, ..."""
        return self.response.content

    @property
    def media_type(self) -> str:
        """Of the bytes, such as image/png."""
        return str(self.response.headers.get("content-type", "")).partition(";")[0]

    @property
    def request_id(self) -> str | None:
        """Under which the server's log names the request."""
        found = self.response.headers.get("x-request-id")
        return None if found is None else str(found)

    @property
    def text(self) -> str:
        """The bytes as text, such as the metrics."""
        return self.response.text

    def json(self) -> _Json_co:
        """The JSON.

        Raises:
            TypeError: Another format was asked for.
        """
        self._check("application/json", "json")
        answer: _Json_co = self.response.json()
        return answer

    def array(self) -> "np.ndarray[Any, Any]":
        """The array of a .npy file. numpy is needed.

        Raises:
            TypeError: Another format was asked for.
        """
        self._check("application/x-npy", "npy")
        import numpy as np

        array: np.ndarray[Any, Any] = np.load(io.BytesIO(self.content), allow_pickle=False)
        return array

    def _check(self, media_type: str, format_name: str) -> None:
        if self.media_type != media_type:
            raise TypeError(f"the answer is {self.media_type}; ask for format={format_name!r}")
