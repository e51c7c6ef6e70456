"""All that a route may ask for.

Every dependency is `async`, whether it waits or not: FastAPI hands plain functions to a thread, and
that took most of a small request's time. Nor does one depend on another without need: each step is
solved anew for every request.
"""

from dataclasses import dataclass
from typing import Annotated

import anyio
import numpy as np
from anyio import to_thread
from fastapi import Depends, File, UploadFile
from fastapi.exceptions import RequestValidationError
from jaxtyping import Float, UInt8
from pydantic import ValidationError
from starlette.datastructures import UploadFile as FormFile
from starlette.requests import Request

from app.arrays import decode_vertices
from app.encoding import negotiate
from app.engine import Engine
from app.metrics import Metrics
from app.predictors import Predictors
from app.schemas.body import MeshPair
from app.settings import Settings
from app.stages import timed_stage
from model.body.predictor import BodyParameters
from model.errors import UnsupportedFormatError
from model.picture_file.reader import decode_picture

MeshContents = BodyParameters | Float[np.ndarray, "V 3"]


@dataclass(frozen=True)
class Service:
    """What an app holds between its start and its end."""

    settings: Settings
    predictors: Predictors
    engine: Engine
    metrics: Metrics
    decoding: anyio.CapacityLimiter
    """How many pictures are decoded at the same time."""


async def _service(request: Request) -> Service:
    return _service_of(request)


def _service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]


async def _predictors(request: Request) -> Predictors:
    return _service_of(request).predictors


async def _engine(request: Request) -> Engine:
    return _service_of(request).engine


async def _metrics(request: Request) -> Metrics:
    return _service_of(request).metrics


async def _image(
    service: ServiceDep,
    image: Annotated[
        UploadFile, File(description="A JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF picture.")
    ],
) -> UInt8[np.ndarray, "H W 3"]:
    with timed_stage("decode"):
        return await to_thread.run_sync(
            lambda: decode_picture(image.file.read(), service.settings.max_pixels),
            limiter=service.decoding,
        )


async def _mesh_pair(request: Request) -> tuple[MeshContents, MeshContents]:
    """Predicted and ground truth, from JSON or from two .npy files."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        return await to_thread.run_sync(_parse_pair, await request.body())
    if content_type == "multipart/form-data":
        async with request.form(max_files=2, max_fields=2) as form:
            predicted = await _vertices(form.get("predicted"), "predicted")
            ground_truth = await _vertices(form.get("ground_truth"), "ground_truth")
            return predicted, ground_truth
    raise UnsupportedFormatError(
        f"the content type is {content_type!r}; application/json and multipart/form-data with two "
        ".npy files are read"
    )


@timed_stage("decode")
def _parse_pair(body: bytes) -> tuple[MeshContents, MeshContents]:
    """Takes a thread: a pair of meshes is megabytes of JSON."""
    try:
        pair = MeshPair.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            [{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors()]
        ) from error
    return pair.predicted.contents(), pair.ground_truth.contents()


async def _vertices(part: FormFile | str | None, name: str) -> Float[np.ndarray, "V 3"]:
    if not isinstance(part, FormFile):
        raise RequestValidationError(
            [{"type": "missing", "loc": ("body", name), "msg": "a .npy file is needed"}]
        )
    with timed_stage("decode"):
        return decode_vertices(await part.read(), name)


class Negotiated:
    """The media type to answer in, one of those that the endpoint offers."""

    def __init__(self, *offered: str) -> None:
        self.offered = offered

    async def __call__(self, request: Request) -> str:
        """The type for this request."""
        return negotiate(request.headers.get("accept"), self.offered)


PredictorsDep = Annotated[Predictors, Depends(_predictors)]
EngineDep = Annotated[Engine, Depends(_engine)]
MetricsDep = Annotated[Metrics, Depends(_metrics)]
ImageDep = Annotated[UInt8[np.ndarray, "H W 3"], Depends(_image)]
MeshPairDep = Annotated[tuple[MeshContents, MeshContents], Depends(_mesh_pair)]
