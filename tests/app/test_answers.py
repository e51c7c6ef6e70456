"""When the parts of an answer are written."""

import asyncio
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, cast

from app.answers import AnswerTransport


class Writes:
    """A transport that remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.calls.append(list(parts))

    def is_closing(self) -> bool:
        return "closed" in self.calls

    def close(self) -> None:
        self.calls.append("closed")


def _calls(
    answer: Callable[[AnswerTransport], None], *, started: bool = True, more_body: bool = False
) -> tuple[list[object], list[object]]:
    """What is called at once, and what in the end."""

    async def turns() -> tuple[list[object], list[object]]:
        writes = Writes()
        cycle = SimpleNamespace(response_started=started, more_body=more_body)
        transport = AnswerTransport(
            cast(Any, cycle), cast(Any, writes), lambda: writes.calls.append("lingers")
        )
        answer(transport)
        at_once = list(writes.calls)
        await asyncio.sleep(0)
        return at_once, writes.calls

    return asyncio.run(turns())


def test_a_head_is_written_with_the_first_part_of_its_body() -> None:
    def answer(transport: AnswerTransport) -> None:
        for part in (b"head", b"body", b"more"):
            transport.write(part)

    assert _calls(answer) == ([[b"head", b"body"], b"more"],) * 2


def test_a_head_whose_body_comes_later_does_not_wait_for_it() -> None:
    assert _calls(lambda transport: transport.write(b"head")) == ([], [b"head"])


def test_what_comes_before_an_answer_is_written_at_once() -> None:
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert _calls(lambda transport: transport.write(go_on), started=False) == ([go_on], [go_on])


def test_a_head_is_written_before_its_connection_ends() -> None:
    def answer(transport: AnswerTransport) -> None:
        transport.write(b"head")
        transport.close()

    assert _calls(answer) == ([b"head", "closed"],) * 2
    assert _calls(answer, more_body=True) == ([b"head", "lingers"],) * 2
