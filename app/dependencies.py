"""All that a route may ask for."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import anyio
import numpy as np
from anyio import to_thread
from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError
from jaxtyping import Float, UInt8
from pydantic.json_schema import SkipJsonSchema
from starlette.requests import Request

from app.capabilities import Predictors
from app.codecs.media_types import FORM, JSON, format_names, negotiate
from app.codecs.npy import MAX_VERTICES, decode_vertices
from app.codecs.request_body import (
    BodyRule,
    check_media_type,
    parse_json,
    read_files,
    receive_picture,
)
from app.engine.engine import Engine
from app.middleware.memory import MEMORY_STATE, Claim
from app.openapi import problem_responses
from app.schemas.body import MeshPair, MeshRequest
from app.schemas.measurements import MeasurementsRequest
from app.schemas.problems import UNUSABLE
from app.schemas.synthesis import MAX_SYNTHESIS_VALUES, SynthesisRequest
from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.telemetry.request_timing import timed_stage
from model.body.metrics import check_metres
from model.body.predictor import BodyParameters
from model.image import check_size
from model.picture_file.reader import decode_picture, picture_size
from model.synthesis.skeletons import Skeletons

MeshContents = BodyParameters | Float[np.ndarray, "V 3"]
MESH = BodyRule(
    media_types=(JSON,),
    fields=("betas",),
    hint="send JSON: curl -H 'Content-Type: application/json' -d '{\"betas\": [0]}'",
)
LANDMARKS = BodyRule(
    media_types=(JSON,),
    fields=("landmarks",),
    hint="send JSON: curl -H 'Content-Type: application/json' -d @skeletons.json",
)
MESH_PAIR = BodyRule(
    media_types=(JSON, FORM),
    fields=("predicted", "ground_truth"),
    hint="send two .npy files as parts named `predicted` and `ground_truth`: "
    "curl -F predicted=@predicted.npy -F ground_truth=@ground_truth.npy",
)
MAX_BODY_VALUES = 4 * MAX_VERTICES + 1000
"""Commas and brackets of a mesh of as many vertices, with room for betas and names."""
MAX_PAIR_VALUES = 8 * MAX_VERTICES + 2000
"""Commas and brackets of two meshes of as many vertices, with room for betas, poses and names."""


@dataclass(frozen=True)
class Service:
    """What an app holds between its start and its end."""

    settings: Settings
    predictors: Predictors
    engine: Engine
    metrics: Metrics
    decoding: anyio.CapacityLimiter
    """How many pictures are decoded at the same time."""
    comparing: anyio.CapacityLimiter
    """How many pairs of meshes are compared, and bodies measured, at the same time."""


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]


async def _predictors(service: ServiceDep) -> Predictors:
    return service.predictors


async def _engine(service: ServiceDep) -> Engine:
    return service.engine


async def _image(request: Request, service: ServiceDep) -> UInt8[np.ndarray, "H W 3"]:
    picture = await receive_picture(request, service.settings.max_body_bytes)
    memory: Claim = request.scope["state"][MEMORY_STATE]
    max_pixels = service.settings.max_pixels

    def decode() -> UInt8[np.ndarray, "H W 3"]:
        data = picture()
        height, width = picture_size(data)
        check_size(height, width)
        memory.add_picture(min(height * width, max_pixels))  # decoding refuses a larger one
        return decode_picture(data, max_pixels)

    with timed_stage("decode"):
        return await to_thread.run_sync(decode, limiter=service.decoding)


async def _mesh_request(request: Request) -> MeshRequest:
    await check_media_type(request, MESH)
    return parse_json(MeshRequest, await request.body())


async def _measured_body(request: Request) -> MeshContents:
    await check_media_type(request, MESH)
    return await to_thread.run_sync(_parse_body, await request.body())


@timed_stage("decode")
def _parse_body(body: bytes) -> MeshContents:
    return parse_json(MeasurementsRequest, body, MAX_BODY_VALUES).contents()


async def _skeletons(request: Request) -> Skeletons:
    await check_media_type(request, LANDMARKS)
    return await to_thread.run_sync(_parse_skeletons, await request.body())


@timed_stage("decode")
def _parse_skeletons(body: bytes) -> Skeletons:
    return parse_json(SynthesisRequest, body, MAX_SYNTHESIS_VALUES).skeletons()


async def _mesh_pair(request: Request, service: ServiceDep) -> tuple[MeshContents, MeshContents]:
    """Predicted and ground truth, from JSON or from two .npy files.

    Raises:
        InvalidInputError: Vertices are not those of a body in metres.
    """
    if await check_media_type(request, MESH_PAIR) == JSON:
        pair = await to_thread.run_sync(_parse_pair, await request.body())
    else:
        files = await read_files(request, MESH_PAIR, service.settings.max_body_bytes)
        with timed_stage("decode"):
            predicted, ground_truth = map(decode_vertices, files, MESH_PAIR.fields)
        pair = predicted, ground_truth
    for contents, name in zip(pair, MESH_PAIR.fields, strict=True):
        if not isinstance(contents, BodyParameters):
            check_metres(contents, name)
    return pair


@timed_stage("decode")
def _parse_pair(body: bytes) -> tuple[MeshContents, MeshContents]:
    pair = parse_json(MeshPair, body, MAX_PAIR_VALUES)
    return pair.predicted.contents(), pair.ground_truth.contents()


def format_query(offered: Sequence[str]) -> Any:
    """The parameter `format` of an endpoint that gives these media types."""
    return Query(
        description="Format of the answer; overrides `Accept`.",
        json_schema_extra={"enum": format_names(offered)},
    )


def negotiated(*offered: str) -> Callable[..., Awaitable[str]]:
    """A dependency: the media type of the answer.

    Args:
        offered: Media types that the endpoint gives, the default first.
    """

    async def media_type(
        request: Request,
        format: Annotated[str | SkipJsonSchema[None], format_query(offered)] = None,
    ) -> str:
        return negotiate(request.headers.get("accept"), format, offered)

    return media_type


async def refuse_unknown_parameters(request: Request) -> None:
    """A query parameter that the OpenAPI document does not name is an error.

    Raises:
        RequestValidationError: An unknown parameter, or one that is given twice.
    """
    if not request.query_params:
        return
    operation = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    known = [part["name"] for part in operation.get("parameters", ()) if part["in"] == "query"]
    names = [name for name, _ in request.query_params.multi_items()]
    wrong = [
        (name, f"is no query parameter; this endpoint takes {', '.join(known) or 'none'}")
        for name in dict.fromkeys(names)
        if name not in known
    ] + [
        (name, f"is given {names.count(name)} times; give it once")
        for name in known
        if names.count(name) > 1
    ]
    if wrong:
        raise RequestValidationError(
            [{"type": "own", "loc": ("query", name), "msg": message} for name, message in wrong]
        )


def strict_router(tag: str) -> APIRouter:
    """A router whose endpoints refuse unknown query parameters."""
    return APIRouter(
        tags=[tag],
        dependencies=[Depends(refuse_unknown_parameters)],
        responses=problem_responses(UNUSABLE),
    )


PredictorsDep = Annotated[Predictors, Depends(_predictors)]
EngineDep = Annotated[Engine, Depends(_engine)]
ImageDep = Annotated[UInt8[np.ndarray, "H W 3"], Depends(_image)]
MeshRequestDep = Annotated[MeshRequest, Depends(_mesh_request)]
MeasuredBodyDep = Annotated[MeshContents, Depends(_measured_body)]
SkeletonsDep = Annotated[Skeletons, Depends(_skeletons)]
MeshPairDep = Annotated[tuple[MeshContents, MeshContents], Depends(_mesh_pair)]
