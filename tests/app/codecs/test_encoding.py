import asyncio
import math
import threading

import pytest

from app.codecs.encoding import SMALL_BYTES, respond


@pytest.mark.parametrize(("num_bytes", "on_the_loop"), [(SMALL_BYTES, True), (math.inf, False)])
def test_a_small_answer_is_encoded_where_it_is_and_another_in_a_thread(
    num_bytes: float, on_the_loop: bool
) -> None:
    def encode(value: str) -> bytes:
        return f"{value} {threading.get_ident() == threading.main_thread().ident}".encode()

    answer = asyncio.run(respond("here:", "text/x", {"text/x": encode}, num_bytes=num_bytes))
    assert answer.body == f"here: {on_the_loop}".encode()
