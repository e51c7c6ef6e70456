"""Clients of the service: a method for each operation of `calls`, and `send` for the rest."""

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx

from app.client import calls
from app.client.answers import Answer
from app.client.calls import Call
from app.client.problems import ProblemError
from app.client.retries import Retries

TIMEOUT_S = 60
"""The service's own deadline is 30 s by default."""
PATIENT = Retries()
_Given = ParamSpec("_Given")
_Json = TypeVar("_Json")


def _sync(
    build: Callable[_Given, Call[_Json]],
) -> Callable[Concatenate["Client", _Given], Answer[_Json]]:
    @functools.wraps(build)
    def method(client: "Client", /, *args: _Given.args, **kwargs: _Given.kwargs) -> Answer[_Json]:
        return client.send(build(*args, **kwargs))

    return method


def _async(
    build: Callable[_Given, Call[_Json]],
) -> Callable[Concatenate["AsyncClient", _Given], Coroutine[Any, Any, Answer[_Json]]]:
    @functools.wraps(build)
    async def method(
        client: "AsyncClient", /, *args: _Given.args, **kwargs: _Given.kwargs
    ) -> Answer[_Json]:
        return await client.send(build(*args, **kwargs))

    return method


class Client:
    """A client without async. Threads may share it."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        retries: Retries = PATIENT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            url: Of the service; its path is kept.
            api_key: Where the service asks for one.
            timeout_s: For each step of a try: to connect, to send, to receive.
            retries: What is done when the service is busy.
            transport: Of httpx, such as a mock.
        """
        self._retries = retries
        self._http = httpx.Client(
            base_url=url, headers=_headers(api_key), timeout=timeout_s, transport=transport
        )

    def __enter__(self) -> "Client":
        """The connections are kept until the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, call: Call[_Json]) -> Answer[_Json]:
        """Send a request, and again while the service is busy.

        Raises:
            ProblemError: The service refused it.
            httpx.TransportError: The service cannot be reached, or does not answer in time.
        """
        num_tries = 0
        while True:
            response = self._http.request(**_arguments(call))
            num_tries += 1
            if response.is_success:
                return Answer(response)
            wait_s = self._retries.wait_s(response, num_tries)
            if wait_s is None:
                raise ProblemError(response)
            time.sleep(wait_s)

    predict_confidence = _sync(calls.predict_confidence)
    weight_image = _sync(calls.weight_image)
    segment_clothing = _sync(calls.segment_clothing)
    make_mesh = _sync(calls.make_mesh)
    get_mesh_faces = _sync(calls.get_mesh_faces)
    compare_meshes = _sync(calls.compare_meshes)
    measure_body = _sync(calls.measure_body)
    list_models = _sync(calls.list_models)
    get_liveness = _sync(calls.get_liveness)
    get_readiness = _sync(calls.get_readiness)
    get_liveness_v2 = _sync(calls.get_liveness_v2)
    get_readiness_v2 = _sync(calls.get_readiness_v2)
    get_metrics = _sync(calls.get_metrics)


class AsyncClient:
    """A client for asyncio."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        retries: Retries = PATIENT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Nothing is sent yet; the arguments are those of `Client`."""
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=url, headers=_headers(api_key), timeout=timeout_s, transport=transport
        )

    async def __aenter__(self) -> "AsyncClient":
        """The connections are kept until the block ends."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, call: Call[_Json]) -> Answer[_Json]:
        """Send a request, and again while the service is busy; raises as `Client.send`."""
        num_tries = 0
        while True:
            response = await self._http.request(**_arguments(call))
            num_tries += 1
            if response.is_success:
                return Answer(response)
            wait_s = self._retries.wait_s(response, num_tries)
            if wait_s is None:
                raise ProblemError(response)
            await asyncio.sleep(wait_s)

    predict_confidence = _async(calls.predict_confidence)
    weight_image = _async(calls.weight_image)
    segment_clothing = _async(calls.segment_clothing)
    make_mesh = _async(calls.make_mesh)
    get_mesh_faces = _async(calls.get_mesh_faces)
    compare_meshes = _async(calls.compare_meshes)
    measure_body = _async(calls.measure_body)
    list_models = _async(calls.list_models)
    get_liveness = _async(calls.get_liveness)
    get_readiness = _async(calls.get_readiness)
    get_liveness_v2 = _async(calls.get_liveness_v2)
    get_readiness_v2 = _async(calls.get_readiness_v2)
    get_metrics = _async(calls.get_metrics)


def _headers(api_key: str | None) -> dict[str, str]:
    return {} if api_key is None else {"X-API-Key": api_key}


def _arguments(call: Call[Any]) -> dict[str, Any]:
    headers = {} if call.content_type is None else {"Content-Type": call.content_type}
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.query),
        "content": call.content,
        "headers": headers,
    }
