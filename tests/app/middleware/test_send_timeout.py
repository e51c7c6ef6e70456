"""How an answer is passed to a server that waits for its client; with sockets: test_connections."""

import asyncio

import pytest
from starlette.responses import Response
from starlette.types import Message

from app.middleware.send_timeout import PART_BYTES, SendTimeout
from app.telemetry.metrics import Metrics

BODY = bytes(range(256)) * 8192
"""2 MB."""


async def receive() -> Message:
    return {"type": "http.disconnect"}


def sent_to_a_client_that_takes(
    num_parts: int | None, body: bytes = BODY
) -> tuple[list[Message], str]:
    """The messages that the server was given, and the metrics."""
    messages: list[Message] = []
    metrics = Metrics()

    async def send(message: Message) -> None:
        messages.append(message)
        if num_parts is not None and len(messages) > num_parts + 1:
            await asyncio.sleep(60)

    limit = SendTimeout(Response(body), timeout_s=0.1, metrics=metrics)
    asyncio.run(limit({"type": "http"}, receive, send))
    return messages, metrics.text().decode()


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, len(BODY)])
def test_an_answer_is_sent_in_parts_that_make_the_whole(size: int) -> None:
    (_, *parts), metrics = sent_to_a_client_that_takes(None, BODY[:size])
    assert b"".join(part["body"] for part in parts) == BODY[:size]
    assert max(len(part["body"]) for part in parts) == min(size, PART_BYTES)
    assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    assert "send_timeout" not in metrics


def test_of_an_answer_that_is_not_taken_in_time_the_rest_is_not_sent() -> None:
    (_, *parts), metrics = sent_to_a_client_that_takes(3)
    assert len(parts) == 4
    assert all(part["more_body"] for part in parts)
    assert 'habitus_closed_connections_total{reason="send_timeout"} 1.0' in metrics
