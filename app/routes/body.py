"""POST /mesh and /mesh/errors, GET /mesh/faces."""

from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, Query
from pydantic.json_schema import SkipJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from app.capabilities import Predictors
from app.codecs import encoding
from app.codecs.faces import Topology
from app.codecs.media_types import GLB, JSON, NPY, NPZ, OBJ, PLY, negotiate
from app.codecs.meshes import ENCODERS, WITHOUT_FACES, Surface
from app.comparison import make_meshes, measure
from app.conditional import CACHE_CONTROL, respond_if_changed
from app.contract import refuse_unknown_parameters
from app.dependencies import (
    ComparingDep,
    EngineDep,
    MeshContents,
    MeshPairDep,
    MeshRequestDep,
    PredictorsDep,
    format_query,
    negotiated,
)
from app.openapi import (
    BODY_PROBLEMS,
    FILE_PROBLEMS,
    binary_content,
    form_content,
    json_content,
    problem_responses,
    request_body,
)
from app.problem_kinds import MISSING, NOT_ACCEPTABLE, UNUSABLE
from app.schemas.body import BetasUse, Faces, Mesh, MeshErrors, MeshPair, MeshRequest
from model.body.predictor import BodyParameters

router = APIRouter(tags=["body"], dependencies=[Depends(refuse_unknown_parameters)])
IGNORED_HEADER = "X-Betas-Ignored"
PADDED_HEADER = "X-Betas-Padded"
MAX_PARAMETERS_BYTES = 65_536
"""Of a body's parameters: 300 betas and a pose take 10 kB, or 20 with an indented line for each
number. They are parsed on the event loop."""


@dataclass(frozen=True)
class MeshForm:
    """How a client wants a mesh."""

    media_type: str
    with_faces: bool


async def _mesh_form(
    request: Request,
    faces: Annotated[
        bool,
        Query(
            description="Whether to send the triangles too, which are the same for every body; "
            "GET /mesh/faces has them. Without them the answer is JSON or NPZ."
        ),
    ] = True,
    format: Annotated[str | SkipJsonSchema[None], format_query(list(ENCODERS))] = None,
) -> MeshForm:
    offered = list(ENCODERS) if faces else WITHOUT_FACES
    return MeshForm(negotiate(request.headers.get("accept"), format, offered), faces)


@router.post(
    "/mesh",
    operation_id="make_mesh",
    summary="A body from its shape and pose",
    response_class=Response,
    responses={
        200: {
            "description": "The surface, in metres, Y up. JSON's example is shortened.",
            "headers": {
                IGNORED_HEADER: {
                    "description": "How many of the betas were cut.",
                    "schema": {"type": "integer"},
                    "example": 0,
                },
                PADDED_HEADER: {
                    "description": "How many zeros were appended to the betas.",
                    "schema": {"type": "integer"},
                    "example": 8,
                },
            },
            "content": {
                **json_content(Mesh),
                **binary_content(GLB, "glTF 2.0, with normals"),
                **binary_content(OBJ, "Wavefront OBJ, with normals"),
                **binary_content(PLY, "binary PLY, with normals"),
                **binary_content(NPZ, "vertices, faces, joints and joint_names"),
            },
        },
        **BODY_PROBLEMS,
    },
    openapi_extra=request_body(json_content(MeshRequest)),
)
async def mesh(
    form: Annotated[MeshForm, Depends(_mesh_form)],
    request: MeshRequestDep,
    predictors: PredictorsDep,
    engine: EngineDep,
) -> Response:
    """SMPL-format body: betas, and optionally a pose, to vertices and joints."""
    parameters = request.parameters()
    made = await engine.submit(predictors.need_body(), parameters)
    betas = BetasUse.of(len(parameters.betas), made.num_betas)
    surface = Surface(made, predictors.topology, betas, form.with_faces)
    headers = {
        IGNORED_HEADER: str(betas.num_betas_ignored),
        PADDED_HEADER: str(betas.num_betas_padded),
    }
    return await encoding.respond(surface, form.media_type, ENCODERS, headers, made.vertices.nbytes)


def _faces_json(topology: Topology) -> bytes:
    return encoding.json_bytes(
        {"faces": orjson.Fragment(topology.faces_json), "num_vertices": topology.num_vertices}
    )


def _faces_npy(topology: Topology) -> bytes:
    return topology.faces_npy


FACES_ENCODERS = {JSON: _faces_json, NPY: _faces_npy}
_KEPT: dict[str, Any] = {
    "ETag": {
        "description": "Names these triangles in this format; send it as If-None-Match.",
        "schema": {"type": "string"},
        "example": '"0c4b8c1ed3ef0d1d8f3b1a9e1f4b7f1e-json"',
    },
    "Cache-Control": {
        "description": "They may be kept, and asked about before each use.",
        "schema": {"type": "string"},
        "example": CACHE_CONTROL,
    },
}


@router.get(
    "/mesh/faces",
    operation_id="get_mesh_faces",
    summary="The triangles that all bodies share",
    response_class=Response,
    responses={
        200: {
            "description": "Indices of vertices. JSON's example is shortened.",
            "headers": _KEPT,
            "content": {
                **json_content(Faces),
                **binary_content(NPY, "int32 (F, 3), counter-clockwise from outside"),
            },
        },
        304: {"description": "What If-None-Match names still holds.", "headers": _KEPT},
        **problem_responses(NOT_ACCEPTABLE, UNUSABLE, MISSING),
    },
)
async def mesh_faces(
    request: Request,
    media_type: Annotated[str, Depends(negotiated(*FACES_ENCODERS))],
    predictors: PredictorsDep,
) -> Response:
    """For clients that ask for many bodies: get these once, then `POST /mesh?faces=false`."""
    topology = predictors.topology
    tag = f"{topology.digest}-{media_type.rpartition('/')[2]}"
    return await respond_if_changed(
        request, tag, media_type, lambda: FACES_ENCODERS[media_type](topology)
    )


@router.post(
    "/mesh/errors",
    operation_id="compare_meshes",
    summary="How far one mesh is from another",
    dependencies=[Depends(negotiated(JSON))],
    response_description="Distances in millimetres.",
    responses=FILE_PROBLEMS,
    openapi_extra=request_body(
        json_content(MeshPair),
        form_content(
            {"predicted": "@predicted.npy", "ground_truth": "@ground_truth.npy"},
            "A .npy file of (V, 3), in metres.",
        ),
    ),
)
async def mesh_errors(
    pair: MeshPairDep, predictors: PredictorsDep, engine: EngineDep, comparing: ComparingDep
) -> MeshErrors:
    """Both meshes as betas (with an optional pose) or as vertices of the same topology."""
    meshes = await make_meshes(pair, predictors, engine)
    errors = await to_thread.run_sync(measure, meshes, predictors, limiter=comparing)
    predicted, ground_truth = (_betas_use(contents, predictors) for contents in pair)
    return errors.model_copy(
        update={"predicted_betas": predicted, "ground_truth_betas": ground_truth}
    )


def _betas_use(contents: MeshContents, predictors: Predictors) -> BetasUse | None:
    """What became of the betas; None of vertices."""
    if not isinstance(contents, BodyParameters):
        return None
    return BetasUse.of(len(contents.betas), predictors.need_body().num_betas)
