"""POST /mesh and /mesh/errors, GET /mesh/faces."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np
import orjson
from anyio import from_thread, to_thread
from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from jaxtyping import Float
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from werkzeug.http import parse_etags

from app.capabilities import BODY, Predictors
from app.codecs import encoding
from app.codecs.faces import Topology
from app.codecs.media_types import GLB, JSON, NPY, NPZ, OBJ, PLY, negotiate
from app.codecs.meshes import ENCODERS, WITHOUT_FACES, Surface
from app.codecs.rigged_mesh import rigged_glb
from app.dependencies import (
    EngineDep,
    MeshContents,
    MeshPairDep,
    MeshRequestDep,
    PredictorsDep,
    ServiceDep,
    format_query,
    negotiated,
    strict_router,
)
from app.openapi import (
    binary_content,
    form_content,
    json_content,
    problem_responses,
    request_body,
)
from app.schemas.body import BetasUse, Faces, Mesh, MeshErrors, MeshPair, MeshRequest
from app.schemas.problems import MISSING, NOT_ACCEPTABLE
from model.body import metrics
from model.body.predictor import BodyParameters, BodyPredictor

router = strict_router("body")
IGNORED_HEADER = "X-Betas-Ignored"
PADDED_HEADER = "X-Betas-Padded"
CACHE_CONTROL = "private, no-cache"
"""Store it, but revalidate before each use: another asset has other triangles. Private, because API
keys may be required. Source: RFC 9111, section 5.2.2."""
MAX_PARAMETERS_BYTES = 65_536
"""Of a body's parameters: 300 betas and a pose take 10 kB, or 20 with an indented line for each
number. They are parsed on the event loop."""


FacesQuery = Annotated[
    bool,
    Query(
        description="Whether to send the triangles too, which are the same for every body; "
        "GET /mesh/faces has them. Without them the answer is JSON or NPZ."
    ),
]


RigQuery = Annotated[
    bool,
    Query(
        description="Whether to give a GLB with SMPL's 24 joints, in the pose of the request, and "
        "with a plus and a minus shape target for each beta. At rest it is in the T-pose with its "
        "feet at y = 0."
    ),
]


async def _mesh_media_type(
    request: Request,
    faces: FacesQuery = True,
    rig: RigQuery = False,
    format: Annotated[str | SkipJsonSchema[None], format_query(list(ENCODERS))] = None,
) -> str:
    if rig and not faces:
        message = "leaves out the triangles, which the file that rig=true asks for needs"
        raise RequestValidationError([{"type": "own", "loc": ("query", "faces"), "msg": message}])
    offered = (GLB,) if rig else list(ENCODERS) if faces else WITHOUT_FACES
    return negotiate(request.headers.get("accept"), format, offered)


def _number_header(description: str, example: int) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "integer"}, "example": example}


@router.post(
    "/mesh",
    operation_id="make_mesh",
    summary="A body from its shape and pose",
    response_class=Response,
    responses={
        200: {
            "description": "The surface, in metres, Y up. JSON's example is shortened.",
            "headers": {
                IGNORED_HEADER: _number_header("How many of the betas were cut.", 0),
                PADDED_HEADER: _number_header("How many zeros were appended to the betas.", 8),
            },
            "content": {
                **json_content(Mesh),
                **binary_content(GLB, "glTF 2.0, with normals; rigged with ?rig=true"),
                **binary_content(OBJ, "Wavefront OBJ, with normals"),
                **binary_content(PLY, "binary PLY, with normals"),
                **binary_content(NPZ, "vertices, faces, joints and joint_names"),
            },
        },
    },
    openapi_extra=request_body(json_content(MeshRequest)),
)
async def mesh(
    media_type: Annotated[str, Depends(_mesh_media_type)],
    request: MeshRequestDep,
    predictors: PredictorsDep,
    engine: EngineDep,
    faces: FacesQuery = True,
    rig: RigQuery = False,
) -> Response:
    """SMPL-format body: betas, and optionally a pose, to vertices and joints."""
    parameters = request.parameters()
    predictor = predictors.need(BODY)
    # A rigged mesh is given at rest; its joints hold the pose.
    made = await engine.submit(predictor, BodyParameters(parameters.betas) if rig else parameters)
    betas = BetasUse.of(len(parameters.betas), made.num_betas)
    headers = {
        IGNORED_HEADER: str(betas.num_betas_ignored),
        PADDED_HEADER: str(betas.num_betas_padded),
    }
    if rig:
        rigged = partial(rigged_glb, rig=predictors.rig, parameters=parameters)
        return await encoding.respond(made, media_type, {GLB: rigged}, headers)
    surface = Surface(made, predictors.topology, betas, faces)
    return await encoding.respond(surface, media_type, ENCODERS, headers)


def _faces_json(topology: Topology) -> bytes:
    return encoding.json_bytes(
        {"faces": orjson.Fragment(topology.faces_json), "num_vertices": topology.num_vertices}
    )


FACES_ENCODERS: dict[str, Callable[[Topology], bytes]] = {
    JSON: _faces_json,
    NPY: lambda topology: topology.faces_npy,
}
_CACHE_HEADERS: dict[str, Any] = {
    "ETag": {
        "description": "Names these triangles in this format; send it as If-None-Match.",
        "schema": {"type": "string"},
        "example": '"0c4b8c1ed3ef0d1d8f3b1a9e1f4b7f1e-json"',
    },
    "Cache-Control": {
        "description": "They may be stored, and are revalidated before each use.",
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
            "headers": _CACHE_HEADERS,
            "content": {
                **json_content(Faces),
                **binary_content(NPY, "int32 (F, 3), counter-clockwise from outside"),
            },
        },
        304: {"description": "The client's copy is current.", "headers": _CACHE_HEADERS},
        **problem_responses(NOT_ACCEPTABLE, MISSING),
    },
)
async def mesh_faces(
    request: Request,
    media_type: Annotated[str, Depends(negotiated(*FACES_ENCODERS))],
    predictors: PredictorsDep,
) -> Response:
    """For clients that request many bodies: get these once, then `POST /mesh?faces=false`."""
    topology = predictors.topology
    tag = f"{topology.digest}-{media_type.rpartition('/')[2]}"
    headers = {"ETag": f'"{tag}"', "Cache-Control": CACHE_CONTROL, "Vary": "Accept"}
    if parse_etags(request.headers.get("if-none-match")).contains_weak(tag):
        return Response(status_code=304, headers=headers)
    body = await run_in_threadpool(FACES_ENCODERS[media_type], topology)
    return Response(body, media_type=media_type, headers=headers)


@router.post(
    "/mesh/errors",
    operation_id="compare_meshes",
    summary="How far one mesh is from another",
    dependencies=[Depends(negotiated(JSON))],
    response_description="Distances in millimetres.",
    openapi_extra=request_body(
        json_content(MeshPair),
        form_content(
            {"predicted": "@predicted.npy", "ground_truth": "@ground_truth.npy"},
            "A .npy file of (V, 3), in metres.",
        ),
    ),
)
async def mesh_errors(
    pair: MeshPairDep, predictors: PredictorsDep, service: ServiceDep
) -> MeshErrors:
    """Both meshes as betas (with an optional pose) or as vertices of the same topology."""

    async def vertices(contents: MeshContents) -> Any:
        if isinstance(contents, BodyParameters):
            predictor = predictors.need(BODY)
            return (await service.engine.submit(predictor, contents)).vertices
        return contents

    predicted, ground_truth = [await vertices(contents) for contents in pair]
    betas = [contents.betas for contents in pair if isinstance(contents, BodyParameters)]
    t_poses = [await vertices(BodyParameters(given)) for given in betas] if len(betas) == 2 else []
    return await to_thread.run_sync(
        lambda: MeshErrors(
            **distances_mm(predicted, ground_truth, predictors.get(BODY)),
            pve_t_sc_mm=metrics.pve_t_sc_mm(*t_poses) if t_poses else None,
            predicted_betas=_betas_use(pair[0], predictors),
            ground_truth_betas=_betas_use(pair[1], predictors),
        ),
        limiter=service.comparing,
    )


def _betas_use(contents: MeshContents, predictors: Predictors) -> BetasUse | None:
    """What became of the betas; None of vertices."""
    if not isinstance(contents, BodyParameters):
        return None
    return BetasUse.of(len(contents.betas), predictors.need(BODY).num_betas)


def distances_mm(
    predicted: Float[np.ndarray, "V 3"],
    ground_truth: Float[np.ndarray, "V 3"],
    body: BodyPredictor | None,
) -> dict[str, Any]:
    """The distances of `MeshErrors`, in a thread of anyio that stops when the request ends.

    Raises:
        InvalidInputError: The topologies differ, or numbers are not finite.
    """
    parts = None
    if body is not None and len(body.part_labels) == len(predicted):
        parts = metrics.part_mean_errors_mm(
            predicted, ground_truth, body.part_labels, body.part_names
        )
    check_cancelled = from_thread.check_cancelled
    return {
        "mean_error_mm": metrics.mean_error_mm(predicted, ground_truth),
        "max_error_mm": metrics.max_error_mm(predicted, ground_truth),
        "hausdorff_mm": metrics.hausdorff_mm(predicted, ground_truth, check_cancelled),
        "part_mean_error_mm": parts,
        "num_vertices": len(predicted),
    }
