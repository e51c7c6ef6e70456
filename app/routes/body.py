"""POST /mesh and /mesh/errors, GET /mesh/faces."""

from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app import encoding
from app.comparison import make_meshes, measure
from app.conditional import CACHE_CONTROL, respond_if_changed
from app.dependencies import ComparingDep, EngineDep, MeshPairDep, Negotiated, PredictorsDep
from app.direct import DirectRoute
from app.errors import (
    BUSY,
    CLOSING,
    LATE,
    MALFORMED,
    MEMORY,
    MISSING,
    NOT_ACCEPTABLE,
    NOT_READY,
    TOO_LARGE,
    UNUSABLE,
    problem_responses,
)
from app.meshes import ENCODERS, WITHOUT_FACES, Surface
from app.openapi import UPLOAD_PROBLEMS, binary_content, json_content, json_or_files_body
from app.schemas.body import Faces, Mesh, MeshErrors, MeshPair, MeshRequest
from app.topology import Topology

router = APIRouter(tags=["body"], route_class=DirectRoute)
IGNORED_HEADER = "X-Betas-Ignored"
MAX_PARAMETERS_BYTES = 65_536
"""Of a body's parameters: 300 betas and a pose take 10 kB, or 20 with an indented line for each
number. FastAPI parses them on the event loop."""


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
) -> MeshForm:
    offered = ENCODERS if faces else WITHOUT_FACES
    return MeshForm(encoding.negotiate(request.headers.get("accept"), list(offered)), faces)


@router.post(
    "/mesh",
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
                }
            },
            "content": {
                **json_content(Mesh),
                **binary_content(encoding.GLB, "glTF 2.0, with normals"),
                **binary_content(encoding.OBJ, "Wavefront OBJ, with normals"),
                **binary_content(encoding.PLY, "binary PLY, with normals"),
                **binary_content(encoding.NPZ, "vertices, faces, joints and joint_names"),
            },
        },
        **problem_responses(
            MALFORMED,
            NOT_ACCEPTABLE,
            TOO_LARGE,
            UNUSABLE,
            MISSING,
            BUSY,
            MEMORY,
            NOT_READY,
            CLOSING,
            LATE,
        ),
    },
)
async def mesh(
    form: Annotated[MeshForm, Depends(_mesh_form)],
    request: MeshRequest,
    predictors: PredictorsDep,
    engine: EngineDep,
) -> Response:
    """SMPL-format body: betas, and optionally a pose, to vertices and joints."""
    parameters = request.parameters()
    made = await engine.submit(predictors.need_body(), parameters)
    num_ignored = max(0, len(parameters.betas) - made.num_betas)
    surface = Surface(made, predictors.topology, num_ignored, form.with_faces)
    headers = {IGNORED_HEADER: str(num_ignored)}
    return await encoding.respond(surface, form.media_type, ENCODERS, headers, made.vertices.nbytes)


def _faces_json(topology: Topology) -> bytes:
    return encoding.json_bytes(
        {"faces": orjson.Fragment(topology.faces_json), "num_vertices": topology.num_vertices}
    )


def _faces_npy(topology: Topology) -> bytes:
    return topology.faces_npy


FACES_ENCODERS = {encoding.JSON: _faces_json, encoding.NPY: _faces_npy}
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
    summary="The triangles that all bodies share",
    response_class=Response,
    responses={
        200: {
            "description": "Indices of vertices. JSON's example is shortened.",
            "headers": _KEPT,
            "content": {
                **json_content(Faces),
                **binary_content(encoding.NPY, "int32 (F, 3), counter-clockwise from outside"),
            },
        },
        304: {"description": "What If-None-Match names still holds.", "headers": _KEPT},
        **problem_responses(NOT_ACCEPTABLE, MISSING),
    },
)
async def mesh_faces(
    request: Request,
    media_type: Annotated[str, Depends(Negotiated(*FACES_ENCODERS))],
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
    summary="How far one mesh is from another",
    dependencies=[Depends(Negotiated(encoding.JSON))],
    response_description="Distances in millimetres.",
    responses=UPLOAD_PROBLEMS,
    openapi_extra=json_or_files_body(
        MeshPair,
        {"predicted": "@predicted.npy", "ground_truth": "@ground_truth.npy"},
        "A .npy file of (V, 3), in metres.",
    ),
)
async def mesh_errors(
    pair: MeshPairDep, predictors: PredictorsDep, engine: EngineDep, comparing: ComparingDep
) -> MeshErrors:
    """Both meshes as betas (with an optional pose) or as vertices of the same topology."""
    meshes = await make_meshes(pair, predictors, engine)
    return await to_thread.run_sync(measure, meshes, predictors, limiter=comparing)
