import asyncio
import math
import threading

import pytest

from app.encoding import SMALL_BYTES, NotAcceptableError, negotiate, respond

OFFERED = ("image/png", "application/x-npy", "application/json")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "image/png"),
        ("", "image/png"),
        ("*/*", "image/png"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("application/*", "application/x-npy"),
        ("image/*", "image/png"),
        ("text/html, application/json;q=0.9, */*;q=0.1", "application/json"),
        ("application/json;q=0.5, application/x-npy;q=0.6", "application/x-npy"),
        ("application/json;q=0.5, image/png;q=0.5", "image/png"),
        ("image/png;q=0, */*", "application/x-npy"),
        ("image/*;q=0, application/*;q=0.2, application/json;q=0.1", "application/x-npy"),
        ("application/json ; q=1.000 , image/png ; q=0.999", "application/json"),
        ("nonsense, application/json", "application/json"),
        ("image/png;q=high, application/json", "application/json"),
        ("text/html,application/xhtml+xml,image/webp,*/*;q=0.8", "image/png"),
    ],
)
def test_the_best_offer_is_chosen(accept: str | None, chosen: str) -> None:
    assert negotiate(accept, OFFERED) == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "image/png;q=0", "*/*;q=0", "image/jpeg, text/*", "nonsense", "q=1"]
)
def test_nothing_acceptable_is_an_error_that_lists_the_offers(accept: str) -> None:
    with pytest.raises(NotAcceptableError, match="image/png, application/x-npy, application/json"):
        negotiate(accept, OFFERED)


@pytest.mark.parametrize(("num_bytes", "on_the_loop"), [(SMALL_BYTES, True), (math.inf, False)])
def test_a_small_answer_is_encoded_where_it_is_and_another_in_a_thread(
    num_bytes: float, on_the_loop: bool
) -> None:
    def encode(value: str) -> bytes:
        return f"{value} {threading.get_ident() == threading.main_thread().ident}".encode()

    answer = asyncio.run(respond("here:", "text/x", {"text/x": encode}, num_bytes=num_bytes))
    assert answer.body == f"here: {on_the_loop}".encode()
