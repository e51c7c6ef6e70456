"""Whether and when a refused request is sent again."""

import email.utils
import time
from dataclasses import dataclass

import httpx

RETRIED = frozenset((429, 503))
"""Over the rate; busy or restarting. A capability that is missing is a 503 without Retry-After."""


@dataclass(frozen=True)
class Retries:
    """How patient a client is."""

    num_retries: int = 5
    """After the first try."""
    max_wait_s: float = 30
    """A server that asks for a longer wait is not asked again."""

    def wait_s(self, response: httpx.Response, num_tries: int) -> float | None:
        """Seconds to wait before the next try; None if there is none.

        Args:
            response: The last answer.
            num_tries: So far.
        """
        if response.status_code not in RETRIED or num_tries > self.num_retries:
            return None
        wait_s = _retry_after_s(response.headers.get("retry-after", ""))
        return wait_s if wait_s is not None and wait_s <= self.max_wait_s else None


def _retry_after_s(value: str) -> float | None:
    """Source: RFC 9110, section 10.2.3: seconds, or a date."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
