"""What a client does when the service refuses."""

import asyncio
import email.utils
import time
from collections.abc import Callable

import httpx
import pytest

from app.client import AsyncClient, Client, ProblemError, Retries

PROBLEM = {
    "type": "/problems/unusable-input",
    "title": "Unusable input",
    "status": 422,
    "detail": "betas is empty",
    "instance": "1",
    "errors": [{"pointer": "/betas", "detail": "is empty"}],
}


Answered = tuple[int, dict[str, str]]


class Service:
    """Answers in turn; the last one again and again."""

    def __init__(self, *answers: Answered) -> None:
        self._answers = list(answers)
        self.times: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.times.append(time.monotonic())
        status, headers = self._answers[0]
        if len(self._answers) > 1:
            del self._answers[0]
        if status == 200:
            return httpx.Response(200, json={"status": "alive"})
        return httpx.Response(status, json={**PROBLEM, "status": status}, headers=headers)


def ask(service: Service, retries: Retries) -> dict[str, object]:
    with Client("http://service", retries=retries, transport=httpx.MockTransport(service)) as ours:
        return dict(ours.get_liveness().json())


def ask_async(service: Service, retries: Retries) -> dict[str, object]:
    async def once() -> dict[str, object]:
        transport = httpx.MockTransport(service)
        async with AsyncClient("http://service", retries=retries, transport=transport) as ours:
            return dict((await ours.get_liveness()).json())

    return asyncio.run(once())


Ask = Callable[[Service, Retries], dict[str, object]]
both = pytest.mark.parametrize("ask", [ask, ask_async])
BUSY: Answered = (503, {"Retry-After": "1"})
GOOD: Answered = (200, {})


@both
def test_a_busy_service_is_asked_again_after_the_time_that_it_names(ask: Ask) -> None:
    service = Service((503, {"Retry-After": "0"}), BUSY, GOOD)
    assert ask(service, Retries()) == {"status": "alive"}
    first, second, third = service.times
    assert second - first < 0.5
    assert third - second >= 1


@both
def test_a_date_is_a_time_too(ask: Ask) -> None:
    past = email.utils.formatdate(time.time() - 10, usegmt=True)
    service = Service((503, {"Retry-After": past}), (429, {"Retry-After": past}), GOOD)
    assert ask(service, Retries()) == {"status": "alive"}


@both
@pytest.mark.parametrize(
    ("answer", "retries", "num_tries"),
    [
        ((503, {"Retry-After": "0"}), Retries(num_retries=2), 3),
        ((503, {}), Retries(), 1),
        ((503, {"Retry-After": "soon"}), Retries(), 1),
        ((503, {"Retry-After": "31"}), Retries(max_wait_s=30), 1),
        ((422, {"Retry-After": "0"}), Retries(), 1),
        ((500, {"Retry-After": "0"}), Retries(), 1),
    ],
    ids=["tries are used up", "no time", "not a time", "too long", "a fault of ours", "a bug"],
)
def test_otherwise_it_gives_up_and_says_what_the_service_said(
    ask: Ask, answer: Answered, retries: Retries, num_tries: int
) -> None:
    service = Service(answer)
    with pytest.raises(ProblemError, match="Unusable input: betas is empty") as refused:
        ask(service, retries)
    assert len(service.times) == num_tries
    assert refused.value.status == answer[0]
    assert refused.value.errors == PROBLEM["errors"]


def test_a_proxy_without_problem_documents_is_quoted() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(502, text="<h1>Bad Gateway</h1>"))
    ours = Client("http://service", transport=transport)
    with ours, pytest.raises(ProblemError, match="502 Bad Gateway: <h1>"):
        ours.list_models()


def test_a_key_is_sent_and_the_path_of_the_service_is_kept() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"capabilities": []})

    transport = httpx.MockTransport(answer)
    with Client("http://host/habitus", api_key="secret", transport=transport) as ours:
        ours.list_models()
    assert str(seen[0].url) == "http://host/habitus/models"
    assert seen[0].headers["x-api-key"] == "secret"
