"""How many requests a minute a client may send."""

import ipaddress
import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.types import Scope

from app.errors import ProblemError
from app.middleware.api_keys import KEY_STATE
from app.middleware.paths import is_health_check
from app.middleware.security_headers import ANSWER_HEADERS
from app.schemas.problems import RATE_EXCEEDED

MAX_CLIENTS = 10_000
"""Clients that are counted at the same time; with one more, all counts start again."""
_IPV6_PREFIX = 64
"""A provider gives each customer such a network or a larger one."""


class RateLimit:
    """A check that a client sends not too many requests.

    A client's minute begins with its first request. Every answer says how many requests are left.

    Source of the headers: IETF draft-ietf-httpapi-ratelimit-headers-10.
    """

    def __init__(self, per_minute: int, max_clients: int = MAX_CLIENTS) -> None:
        self.per_minute = RateLimitItemPerMinute(per_minute)
        self.max_clients = max_clients
        self.storage = MemoryStorage()
        self.limiter = FixedWindowRateLimiter(self.storage)

    async def __call__(self, scope: Scope) -> None:
        """Count the request, or refuse it."""
        if is_health_check(scope):
            return
        client = client_of(scope)
        if len(self.storage.storage) > self.max_clients:
            await self.storage.reset()
        is_allowed = await self.limiter.hit(self.per_minute, client)
        reset_time, remaining = await self.limiter.get_window_stats(self.per_minute, client)
        seconds = max(1, math.ceil(reset_time - time.time()))
        limit = self.per_minute.amount
        scope["state"][ANSWER_HEADERS] = {
            "RateLimit-Policy": f'"default";q={limit};w=60',
            "RateLimit": f'"default";r={remaining};t={seconds}',
        }
        if not is_allowed:
            detail = f"more than {limit} requests a minute; ask again in {seconds} s"
            raise ProblemError(RATE_EXCEEDED, detail, {"Retry-After": str(seconds)})


def client_of(scope: Scope) -> str:
    """The digest of the request's key, or its address; of IPv6 the customer's network."""
    digest: bytes | None = scope["state"].get(KEY_STATE)
    if digest is not None:
        return digest.hex()
    host: str = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:  # how a socket for both families shows IPv4
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
