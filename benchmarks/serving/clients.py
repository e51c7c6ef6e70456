"""HTTP/1.1 over connections that stay open, with little of the CPU: answers are parsed in C."""

import asyncio
from collections import deque
from typing import cast

import httptools


class Connection(asyncio.Protocol):
    """A connection with at most one request under way."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiter: asyncio.Future[int] | None = None
        self.keeps_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Whoever waits has no answer."""
        self.keeps_alive = False
        self._settle(0)

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_message_complete(self) -> None:
        """The whole answer is here (called by the parser)."""
        self.keeps_alive = self.keeps_alive and self.parser.should_keep_alive()
        self._settle(self.parser.get_status_code())

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        """Send a request; the future is the status of its answer, 0 when the connection breaks."""
        assert self.transport is not None
        self.parser = httptools.HttpResponseParser(self)
        self.waiter = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.waiter

    def close(self) -> None:
        """Hang up."""
        self.keeps_alive = False
        if self.transport is not None:
            self.transport.abort()

    def _settle(self, status: int) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(status)


class Clients:
    """Connections to one server, opened when they are needed and used again."""

    def __init__(self, port: int, limit: int) -> None:
        self.port = port
        self.idle: deque[Connection] = deque()
        self.all: set[Connection] = set()
        self.free = asyncio.Semaphore(limit)

    async def ask(self, request: bytes) -> int:
        """The status of the answer; waits while as many requests as allowed are under way."""
        async with self.free:
            try:
                connection = await self._take()
            except OSError:
                return 0
            try:
                return await connection.ask(request)
            finally:
                if connection.keeps_alive and connection.waiter and connection.waiter.done():
                    self.idle.append(connection)
                else:
                    connection.close()
                    self.all.discard(connection)

    async def open(self, count: int) -> None:
        """Open connections before they are needed."""
        for _ in range(count):
            self.idle.append(await self._connect())

    def close(self) -> None:
        """Hang up all."""
        for connection in self.all:
            connection.close()

    async def _take(self) -> Connection:
        while self.idle:
            connection = self.idle.pop()
            if connection.keeps_alive:
                return connection
            self.all.discard(connection)
        return await self._connect()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self.port)
        self.all.add(connection)
        return connection


def request_bytes(
    method: str, path: str, port: int, body: bytes = b"", content_type: str | None = None
) -> bytes:
    """A whole HTTP/1.1 request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    if content_type is not None:
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body
