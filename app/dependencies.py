"""All that a route may ask for.

Every dependency is `async`, whether it waits or not: FastAPI hands plain functions to a thread,
which costs more than they do.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import anyio
import numpy as np
from anyio import to_thread
from fastapi import Depends, Query
from jaxtyping import Float, UInt8
from pydantic.json_schema import SkipJsonSchema
from starlette.requests import Request

from app.capabilities import Predictors
from app.codecs.bounded_json import check_json_counts
from app.codecs.media_types import FORM, JSON, format_names, negotiate
from app.codecs.npy import decode_vertices
from app.codecs.picture_body import receive_picture
from app.codecs.request_body import BodyRule, check_media_type, parse_json, read_files
from app.codecs.uploads import decode_image, picture_size
from app.engine.engine import Engine
from app.middleware.memory import claim_picture
from app.schemas.body import MeshPair, MeshRequest
from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.telemetry.request_timing import timed_stage
from model.body.metrics import check_metres
from model.body.predictor import BodyParameters
from model.image import check_size

MeshContents = BodyParameters | Float[np.ndarray, "V 3"]
MESH = BodyRule(
    media_types=(JSON,),
    fields=("betas",),
    hint="send JSON: curl -H 'Content-Type: application/json' -d '{\"betas\": [0]}'",
)
MESH_PAIR = BodyRule(
    media_types=(JSON, FORM),
    fields=("predicted", "ground_truth"),
    hint="send two .npy files as parts named `predicted` and `ground_truth`: "
    "curl -F predicted=@predicted.npy -F ground_truth=@ground_truth.npy",
)


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
    """How many pairs of meshes are compared at the same time."""


def _service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _predictors(request: Request) -> Predictors:
    return _service_of(request).predictors


async def _engine(request: Request) -> Engine:
    return _service_of(request).engine


async def _comparing(request: Request) -> anyio.CapacityLimiter:
    return _service_of(request).comparing


async def _metrics(request: Request) -> Metrics:
    return _service_of(request).metrics


async def _image(request: Request) -> UInt8[np.ndarray, "H W 3"]:
    service = _service_of(request)
    picture = await receive_picture(request, service.settings.max_body_bytes)
    with timed_stage("decode"):
        return await to_thread.run_sync(
            lambda: _decode(picture(), service.settings.max_pixels),
            limiter=service.decoding,
        )


async def _mesh_request(request: Request) -> MeshRequest:
    await check_media_type(request, MESH)
    return parse_json(MeshRequest, await request.body())


def _decode(data: bytes, max_pixels: int) -> UInt8[np.ndarray, "H W 3"]:
    """Takes a thread. The size is checked and memory is claimed before anything is decoded."""
    height, width = picture_size(data, max_pixels)
    check_size(height, width)
    claim_picture(height * width)
    return decode_image(data, max_pixels)


async def _mesh_pair(request: Request) -> tuple[MeshContents, MeshContents]:
    """Predicted and ground truth, from JSON or from two .npy files.

    Raises:
        InvalidInputError: Vertices are not those of a body in metres.
    """
    if await check_media_type(request, MESH_PAIR) == JSON:
        pair = await to_thread.run_sync(_parse_pair, await request.body())
    else:
        max_bytes = _service_of(request).settings.max_body_bytes
        files = await read_files(request, MESH_PAIR, max_bytes)
        with timed_stage("decode"):
            predicted, ground_truth = map(decode_vertices, files, MESH_PAIR.fields)
        pair = predicted, ground_truth
    for contents, name in zip(pair, MESH_PAIR.fields, strict=True):
        if not isinstance(contents, BodyParameters):
            check_metres(contents, name)
    return pair


@timed_stage("decode")
def _parse_pair(body: bytes) -> tuple[MeshContents, MeshContents]:
    """Takes a thread: a pair of meshes is megabytes of JSON."""
    check_json_counts(body)
    pair = parse_json(MeshPair, body)
    return pair.predicted.contents(), pair.ground_truth.contents()


def format_query(offered: Sequence[str]) -> Any:
    """The parameter `format` of an endpoint that gives these media types."""
    return Query(
        description="Format of the answer; overrides `Accept`.",
        json_schema_extra={"enum": format_names(offered)},
    )


def negotiated(*offered: str) -> Callable[..., Awaitable[str]]:
    """A dependency: the media type to answer in.

    Args:
        offered: Media types that the endpoint gives, the default first.
    """

    async def media_type(
        request: Request,
        format: Annotated[str | SkipJsonSchema[None], format_query(offered)] = None,
    ) -> str:
        return negotiate(request.headers.get("accept"), format, offered)

    return media_type


PredictorsDep = Annotated[Predictors, Depends(_predictors)]
EngineDep = Annotated[Engine, Depends(_engine)]
ComparingDep = Annotated[anyio.CapacityLimiter, Depends(_comparing)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
ImageDep = Annotated[UInt8[np.ndarray, "H W 3"], Depends(_image)]
MeshRequestDep = Annotated[MeshRequest, Depends(_mesh_request)]
MeshPairDep = Annotated[tuple[MeshContents, MeshContents], Depends(_mesh_pair)]
