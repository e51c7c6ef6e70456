"""The connection as one request's answer sees it."""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class AnswerTransport:
    """Sends an answer's head with the first part of its body; it may end before the request has.

    uvicorn writes the head alone, which is a call of the system and a packet more for each answer.
    """

    def __init__(
        self,
        cycle: RequestResponseCycle,
        transport: asyncio.Transport,
        linger: Callable[[], None],
    ) -> None:
        """Nothing is written yet.

        Args:
            cycle: The request.
            transport: Of its connection.
            linger: Ends the connection of a client that still sends.
        """
        self.is_closing = transport.is_closing
        self._cycle = cycle
        self._transport = transport
        self._linger = linger
        self._head: bytes | None = None
        self._head_written = False

    def write(self, data: bytes) -> None:
        """Send a part; the head waits for the next until the turn of the loop is over."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.writelines((head, data))
        elif self._cycle.response_started and not self._head_written:
            self._head, self._head_written = data, True
            asyncio.get_running_loop().call_soon(self._send_head)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """The answer is written, and it is the last."""
        self._send_head()
        if self._cycle.more_body and not self.is_closing():
            self._linger()
        else:
            self._transport.close()

    def _send_head(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head)
