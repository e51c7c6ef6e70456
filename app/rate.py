"""How often one client may ask: a bucket of tokens for each."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import problem
from app.limits import KEY_STATE, OPEN_PREFIXES
from app.problem_kinds import RATE_EXCEEDED

MAX_BUCKETS = 10_000
"""The clients that are remembered; of more, those that asked longest ago are forgotten."""
_IPV6_PREFIX = 64
"""One customer has at least as many addresses as that leaves."""


class TokenBuckets:
    """A bucket for each client: it fills evenly, and a request takes a token out of it."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = max(1.0, per_minute)
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str | bytes, tuple[float, float]] = OrderedDict()
        """Tokens, and when there were as many."""

    def take(self, client: str | bytes) -> float:
        """Take a token: 0, or the seconds until there will be one."""
        now = self._clock()
        tokens, then = self._buckets.pop(client, (self.capacity, now))
        tokens = min(self.capacity, tokens + (now - then) * self._per_second)
        wait_s = max(0.0, (1 - tokens) / self._per_second)
        self._buckets[client] = (tokens if wait_s else tokens - 1, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return wait_s

    def __len__(self) -> int:
        return len(self._buckets)


class RateLimit:
    """ASGI middleware: refuses a client that asks too often, before its body is read."""

    def __init__(self, app: ASGIApp, per_minute: float) -> None:
        self.app = app
        self.per_minute = per_minute
        self.buckets = TokenBuckets(per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(OPEN_PREFIXES):
            await self.app(scope, receive, send)
            return
        wait_s = self.buckets.take(client_of(scope))
        if not wait_s:
            await self.app(scope, receive, send)
            return
        seconds = math.ceil(wait_s)
        detail = f"more than {self.per_minute:g} requests a minute; ask again in {seconds} s"
        headers = {"Retry-After": str(seconds)}
        await problem(scope, RATE_EXCEEDED, detail, headers=headers)(scope, receive, send)


def client_of(scope: Scope) -> str | bytes:
    """Who asks: the digest of the key, or the address; of IPv6 the network of a customer."""
    digest: bytes | None = scope["state"].get(KEY_STATE)
    if digest is not None:
        return digest
    host: str = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return host
