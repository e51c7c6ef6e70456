"""Every answer that the OpenAPI document promises is given: each is provoked from a real server.

An answer is named by its status and by what it holds: the media type of a success, the name of a
problem, and nothing where there is no body.
"""

import contextlib
import copy
import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.capabilities import CAPABILITIES, Predictors
from app.errors import MEDIA_TYPE
from app.main import create_app
from app.settings import Settings

Answer = tuple[str, str]
Operation = tuple[str, str]
"""Method and path."""
Ask = Callable[[str, Operation], httpx.Response]
Serving = Callable[[FastAPI], contextlib.AbstractContextManager[httpx.Client]]
KEY = "k"


def app_with(predictors: Predictors, **settings: object) -> FastAPI:
    return create_app(Settings(**settings), load=lambda _: predictors)  # type: ignore[arg-type]


GUARDED: dict[str, object] = {"api_keys": KEY, "rate_per_minute": 1}
DOCUMENT = app_with(Predictors()).openapi()
GUARDED_DOCUMENT = app_with(Predictors(), **GUARDED).openapi()
"""Says more: keys are asked for, and clients may ask too often."""


def documented(document: Mapping[str, Any]) -> dict[Operation, set[Answer]]:
    answers: dict[Operation, set[Answer]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            found = answers[method, path] = set()
            for status, response in operation["responses"].items():
                for media_type, content in response.get("content", {"": None}).items():
                    named = content["examples"] if media_type == MEDIA_TYPE else [media_type]
                    found |= {(status, what) for what in named}
    return answers


PROMISES = sorted(
    {
        (operation, *answer)
        for document in (DOCUMENT, GUARDED_DOCUMENT)
        for operation, answers in documented(document).items()
        for answer in answers
    }
)


def told(answer: httpx.Response) -> Answer:
    """What an answer is, by what was sent."""
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type != MEDIA_TYPE:
        assert bool(media_type) == bool(answer.content)
        return str(answer.status_code), media_type
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return str(answer.status_code), problem["type"].removeprefix("/problems/")


def taken(operation: Operation) -> tuple[object, list[str]]:
    """What an operation takes: an example of JSON, and the names of files."""
    method, path = operation
    body = DOCUMENT["paths"][path][method].get("requestBody", {"content": {}})["content"]
    files = list(body.get("multipart/form-data", {}).get("example", ()))
    if "application/json" not in body:
        return None, files
    name = body["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return DOCUMENT["components"]["schemas"][name]["examples"][0], files


def good(operation: Operation) -> dict[str, Any]:
    """A request that nothing is wrong with."""
    example, _ = taken(operation)
    return {} if example is None else {"json": example}


def of_another_type(operation: Operation) -> dict[str, Any]:
    if taken(operation)[0] is None:
        return {}
    return {"content": b"hello", "headers": {"content-type": "text/plain"}}


def with_files(files: Sequence[str], data: bytes) -> dict[str, Any]:
    return {"files": dict.fromkeys(files, data)} if files else {}


def good_with(**headers: str) -> Callable[[Operation], dict[str, Any]]:
    return lambda operation: {**good(operation), "headers": headers}


def unreadable(operation: Operation, body: bytes = b"--y") -> dict[str, Any]:
    example, files = taken(operation)
    if example is None and not files:
        return {}
    media_type = "multipart/form-data; boundary=x" if files else "application/json"
    return {"content": body, "headers": {"content-type": media_type}}


def of_nobody(operation: Operation) -> dict[str, Any]:
    """Where keypoints may be sent: those of nobody."""
    request = good(operation)
    if "keypoints" in request.get("json", {}):
        request["json"] = {**request["json"], "keypoints": [[0, 0, 0]] * 17}
    return request


@dataclass(frozen=True)
class Provocation:
    """How an answer is had: from which server, and with which request."""

    server: str
    request: Callable[[Operation], dict[str, Any]] = good
    is_slow: bool = False
    """Whether the end of the body is held back."""


PROVOCATIONS = {
    "": Provocation("whole", good_with(**{"If-None-Match": "*"})),
    "bad-request-head": Provocation(
        "whole", good_with(**{"Content-Length": "5", "Transfer-Encoding": "chunked"})
    ),
    "head-too-large": Provocation("whole", good_with(x="x" * 40_000)),
    "malformed-body": Provocation("whole", unreadable),
    "unauthorized": Provocation("guarded"),
    "not-acceptable": Provocation("whole", good_with(accept="text/html")),
    "too-slow": Provocation("impatient", is_slow=True),
    "too-large": Provocation("whole", lambda operation: unreadable(operation, bytes(2_000_001))),
    "unsupported-media-type": Provocation("whole", of_another_type),
    "unsupported-format": Provocation(
        "whole", lambda operation: with_files(taken(operation)[1], b"hello")
    ),
    "unusable-input": Provocation("whole", lambda _: {"params": {"unknown": "1"}}),
    "no-person": Provocation("whole", of_nobody),
    "rate-exceeded": Provocation("guarded", good_with(**{"X-API-Key": KEY})),
    "capability-missing": Provocation("empty"),
    "queue-full": Provocation("full"),
    "out-of-memory": Provocation("small"),
    "not-ready": Provocation("lost"),
    "shutting-down": Provocation("closed"),
    "too-many-requests-at-once": Provocation("crowded"),
    "deadline-passed": Provocation("late"),
}
PROVOCATIONS |= {
    what: Provocation("whole", good_with(accept=what)) for _, _, what in PROMISES if "/" in what
}


class Trouble:
    """Happens to each batch once it has begun, which is not while the predictors warm up."""

    def __init__(self, happen: Callable[[], object]) -> None:
        self.happen, self.begun = happen, False

    def in_all(self, predictors: Predictors) -> Predictors:
        return Predictors(**{row.slug: self._in(predictors.need(row)) for row in CAPABILITIES})

    def _in(self, predictor: Any) -> Any:
        troubled = copy.copy(predictor)
        troubled.predict_batch = self._predict_batch
        return troubled

    def _predict_batch(self, items: Sequence[object]) -> list[object]:
        if self.begun:
            self.happen()
        return [None for _ in items]  # nobody waits for it any more


def out_of_memory() -> None:
    raise MemoryError


def end_thread() -> None:
    raise SystemExit("the driver is gone")


@pytest.fixture(scope="module")
def servers(
    client: httpx.Client, every_capability: Predictors, serving: Serving
) -> Iterator[dict[str, httpx.Client]]:
    let_go = threading.Event()
    with contextlib.ExitStack() as stack:

        def start(predictors: Predictors, **settings: object) -> httpx.Client:
            return stack.enter_context(serving(app_with(predictors, **settings)))

        def start_troubled(happen: Callable[[], object], **settings: object) -> httpx.Client:
            """After a first request, which has met the trouble."""
            trouble = Trouble(happen)
            client = start(trouble.in_all(every_capability), max_batch=1, **settings)
            stack.callback(let_go.set)
            trouble.begun = True
            assert client.post("/mesh", **good(("post", "/mesh"))).status_code in (503, 504)
            return client

        def start_full() -> httpx.Client:
            """While its only place is taken by a request that does not end."""
            trouble = Trouble(let_go.wait)
            client = start(trouble.in_all(every_capability), max_queue=1, timeout_s=300)
            trouble.begun = True
            asking = threading.Thread(
                target=client.post, args=("/mesh",), kwargs=good(("post", "/mesh"))
            )
            asking.start()
            stack.callback(asking.join)
            stack.callback(let_go.set)
            while "habitus_admitted_requests 1.0" not in client.get("/metrics").text:
                pass
            return client

        def start_crowded() -> httpx.Client:
            """While a body that does not end takes all memory."""
            client = start(
                Predictors(), max_in_flight_mb=0.00001, body_timeout_s=300, timeout_s=300
            )
            address = (client.base_url.host, client.base_url.port)
            sending = stack.enter_context(socket.create_connection(address))
            sending.sendall(
                b"POST /mesh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n"
                b'Content-Type: application/json\r\n\r\n{"betas": [0'
            )
            while "habitus_claimed_bytes 0.0" in client.get("/metrics").text:
                pass
            return client

        closed = app_with(Predictors())
        servers = {
            "whole": client,
            # What these refuse needs no capability: it is refused before one is looked for.
            "empty": start(Predictors()),
            "guarded": start(Predictors(), **GUARDED),
            "impatient": start(Predictors(), body_timeout_s=0.2),
            "crowded": start_crowded(),
            "closed": stack.enter_context(serving(closed)),
            "full": start_full(),
            "late": start_troubled(let_go.wait, timeout_s=0.5),
            "small": start_troubled(out_of_memory),
            "lost": start_troubled(end_thread),
        }
        closed.state.service.engine.close()
        yield servers


@pytest.fixture(scope="module")
def ask(servers: dict[str, httpx.Client]) -> Ask:
    @cache
    def ask_once(what: str, operation: Operation) -> httpx.Response:
        method, path = operation
        provocation = PROVOCATIONS[what]
        client = servers[provocation.server]
        request = client.build_request(method.upper(), path, **provocation.request(operation))
        if what == "rate-exceeded":
            client.get("/models", headers={"X-API-Key": KEY})  # as often as it may
        if provocation.is_slow and request.read():
            return without_its_end(request)
        return client.send(request)

    return ask_once


def without_its_end(request: httpx.Request) -> httpx.Response:
    """The answer to a request whose last byte does not come."""
    connection = http.client.HTTPConnection(request.url.host, request.url.port, timeout=60)
    with contextlib.closing(connection):
        connection.putrequest(request.method, request.url.path, skip_host=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.endheaders(request.read()[:-1])
        answer = connection.getresponse()
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


@pytest.mark.parametrize(
    ("operation", "status", "what"),
    PROMISES,
    ids=[" ".join((*operation, status, what)) for operation, status, what in PROMISES],
)
def test_every_documented_answer_is_given(
    ask: Ask, operation: Operation, status: str, what: str
) -> None:
    assert what in PROVOCATIONS, f"{operation} documents {what!r}, which nothing here provokes"
    answer = ask(what, operation)
    assert told(answer) == (status, what), answer.text
    if status < "400":
        described = GUARDED_DOCUMENT["paths"][operation[1]][operation[0]]["responses"][status]
        assert {name.lower() for name in described.get("headers", {})} <= set(answer.headers)


@pytest.mark.parametrize("what", PROVOCATIONS)
def test_no_answer_is_given_that_is_not_documented(ask: Ask, what: str) -> None:
    is_guarded = PROVOCATIONS[what].server == "guarded"
    promised = documented(GUARDED_DOCUMENT if is_guarded else DOCUMENT)
    for operation in promised:
        assert told(ask(what, operation)) in promised[operation], operation
