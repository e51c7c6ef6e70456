"""Routes whose endpoints are called without FastAPI's detours.

FastAPI solves what an endpoint asks for anew for every request: it looks for generators, scopes,
overrides and what was solved before, and opens three stacks for what must be closed afterwards.
That took a third of the time of a small request, and ours use none of it. What an endpoint asks
for is therefore written down once, when the route is made. What is asked for, what is validated
and what the OpenAPI document says stays FastAPI's.
"""

import inspect
import json
from collections.abc import Awaitable, Callable
from email.message import Message
from functools import lru_cache
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response

FORM_LIMITS = {"max_files": 2, "max_fields": 4, "max_part_size": 4096}
"""Of every form: endpoints ask for one file or two."""


class DirectRoute(APIRoute):
    """A route that answers by itself; one that answers with a model is left to FastAPI."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.response_field is None:
            self._call = _Call(self.dependant, embed=self._embed_body_fields)
            self.app = request_response(self._answer)

    async def _answer(self, request: Request) -> Response:
        body = await self._body(request)
        try:
            errors: list[Any] = []
            arguments = await self._call.arguments(request, body, errors)
            if errors:
                raise RequestValidationError(errors)
            response: Response = await self._call.function(**arguments)
            return response
        finally:
            if isinstance(body, FormData):
                await body.close()

    async def _body(self, request: Request) -> Any:
        """A form, parsed JSON, or the bytes of what is neither; undefined where there is none.

        Raises:
            RequestValidationError: It should be JSON and is not.
            HTTPException: It cannot be read at all, or is refused while it arrives.
        """
        if self.body_field is None:
            return PydanticUndefined
        try:
            if isinstance(self.body_field.field_info, Form):
                return await request.form(**FORM_LIMITS)
            data = await request.body()
            if data and _is_json(request.headers.get("content-type")):
                return json.loads(data)
            return data or PydanticUndefined
        except json.JSONDecodeError as error:
            wrong = {
                "type": "json_invalid",
                "loc": ("body", error.pos),
                "msg": "JSON decode error",
                "input": {},
                "ctx": {"error": error.msg},
            }
            raise RequestValidationError([wrong]) from error
        except HTTPException:
            raise
        except Exception as error:  # as FastAPI: whatever it is, it is the body
            raise HTTPException(400, "There was an error parsing the body") from error


class _Call:
    """A function, and where its arguments come from."""

    def __init__(self, dependant: Dependant, embed: bool) -> None:
        """Written down from what FastAPI found in the signature.

        Args:
            dependant: That of the function.
            embed: Whether the body's fields are named in it.

        Raises:
            ValueError: It asks for what is not provided here.
        """
        assert dependant.call is not None
        self.function: Callable[..., Awaitable[Any]] = dependant.call
        self._name = dependant.name or ""
        self._needs = [_Call(need, embed) for need in dependant.dependencies]
        self._body = dependant.body_params
        self._embed = embed
        self._request_name = dependant.request_param_name
        self._path = dependant.path_params
        self._query = dependant.query_params
        self._without_query = request_params_to_args(self._query, QueryParams())
        provided = {need._name for need in self._needs} | {self._request_name}
        provided |= {field.name for field in (*self._path, *self._query, *self._body)}
        missing = set(inspect.signature(self.function).parameters) - provided
        if missing:
            raise ValueError(f"nobody provides {sorted(missing)} of {self.function}")
        if not any(map(inspect.iscoroutinefunction, (self.function, type(self.function).__call__))):
            raise ValueError(f"{self.function} is not async")

    async def arguments(self, request: Request, body: Any, errors: list[Any]) -> dict[str, Any]:
        """The function's arguments; what is wrong with the request is added to `errors`."""
        values: dict[str, Any] = {}
        for need in self._needs:
            wrong: list[Any] = []
            arguments = await need.arguments(request, body, wrong)
            if wrong:
                errors.extend(wrong)
            else:
                values[need._name] = await need.function(**arguments)
        path = request_params_to_args(self._path, request.path_params)
        query = self._without_query
        if self._query and request.scope["query_string"]:
            query = request_params_to_args(self._query, request.query_params)
        for more, wrong in (path, query):
            values |= more
            errors.extend(wrong)
        if self._body:
            more, wrong = await request_body_to_args(
                body_fields=self._body, received_body=body, embed_body_fields=self._embed
            )
            values |= more
            errors.extend(wrong)
        if self._request_name is not None:
            values[self._request_name] = request
        return values


@lru_cache(maxsize=16)
def _is_json(content_type: str | None) -> bool:
    if content_type is None:
        return False
    message = Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (
        subtype == "json" or subtype.endswith("+json")
    )
