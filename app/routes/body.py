"""POST /mesh and /mesh/errors."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends
from jaxtyping import Int
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app import encoding
from app.comparison import make_meshes, measure
from app.dependencies import EngineDep, MeshPairDep, Negotiated, PredictorsDep
from app.errors import (
    BUSY,
    CLOSING,
    LATE,
    MALFORMED,
    MISSING,
    NOT_ACCEPTABLE,
    TOO_LARGE,
    UNSUPPORTED,
    UNUSABLE,
    problem_responses,
)
from app.openapi import binary_content, json_content, json_or_files_body
from app.schemas.body import Mesh, MeshErrors, MeshPair, MeshRequest, Units
from model.body.predictor import BodyMesh, BodyParameters, BodyPredictor

router = APIRouter(tags=["body"])
IGNORED_HEADER = "X-Betas-Ignored"


@dataclass(frozen=True)
class Surface:
    """A mesh with all that its files say of it."""

    mesh: BodyMesh
    faces: Int[np.ndarray, "F 3"]
    joint_names: tuple[str, ...]
    num_betas_ignored: int

    @classmethod
    def of(cls, mesh: BodyMesh, body: BodyPredictor, parameters: BodyParameters) -> "Surface":
        """What the body asset makes of the parameters."""
        num_ignored = max(0, len(parameters.betas) - mesh.num_betas)
        return cls(mesh, body.faces, body.joint_names, num_ignored)


def _mesh_json(surface: Surface) -> bytes:
    return encoding.json_bytes(
        {
            "vertices": surface.mesh.vertices,
            "faces": surface.faces,
            "joints": surface.mesh.joints,
            "joint_names": surface.joint_names,
            "units": Units().model_dump(),
            "num_betas": surface.mesh.num_betas,
            "num_betas_ignored": surface.num_betas_ignored,
        }
    )


def _mesh_npz(surface: Surface) -> bytes:
    return encoding.npz(
        {
            "vertices": surface.mesh.vertices,
            "faces": surface.faces,
            "joints": surface.mesh.joints,
            "joint_names": np.array(surface.joint_names),
        }
    )


def _mesh_file(surface: Surface, media_type: str) -> bytes:
    return encoding.mesh_file(surface.mesh.vertices, surface.faces, media_type)


MESH_ENCODERS: dict[str, Callable[[Surface], bytes]] = {
    encoding.JSON: _mesh_json,
    encoding.GLB: partial(_mesh_file, media_type=encoding.GLB),
    encoding.OBJ: partial(_mesh_file, media_type=encoding.OBJ),
    encoding.PLY: partial(_mesh_file, media_type=encoding.PLY),
    encoding.NPZ: _mesh_npz,
}


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
                **binary_content(encoding.OBJ, "Wavefront OBJ"),
                **binary_content(encoding.PLY, "binary PLY"),
                **binary_content(encoding.NPZ, "vertices, faces, joints and joint_names"),
            },
        },
        **problem_responses(
            MALFORMED, NOT_ACCEPTABLE, TOO_LARGE, UNUSABLE, MISSING, BUSY, CLOSING, LATE
        ),
    },
)
async def mesh(
    media_type: Annotated[str, Depends(Negotiated(*MESH_ENCODERS))],
    request: MeshRequest,
    predictors: PredictorsDep,
    engine: EngineDep,
) -> Response:
    """SMPL-format body: betas, and optionally a pose, to vertices and joints."""
    body, parameters = predictors.need_body(), request.parameters()
    surface = Surface.of(await engine.submit(body, parameters), body, parameters)
    headers = {IGNORED_HEADER: str(surface.num_betas_ignored)}
    return await encoding.respond(surface, media_type, MESH_ENCODERS, headers)


@router.post(
    "/mesh/errors",
    summary="How far one mesh is from another",
    dependencies=[Depends(Negotiated(encoding.JSON))],
    response_description="Distances in millimetres.",
    responses=problem_responses(
        MALFORMED,
        NOT_ACCEPTABLE,
        TOO_LARGE,
        UNSUPPORTED,
        UNUSABLE,
        MISSING,
        BUSY,
        CLOSING,
        LATE,
    ),
    openapi_extra=json_or_files_body(
        MeshPair,
        {"predicted": "@predicted.npy", "ground_truth": "@ground_truth.npy"},
        "A .npy file of (V, 3), in metres.",
    ),
)
async def mesh_errors(
    pair: MeshPairDep, predictors: PredictorsDep, engine: EngineDep
) -> MeshErrors:
    """Both meshes as betas (with an optional pose) or as vertices of the same topology."""
    meshes = await make_meshes(pair, predictors, engine)
    return await run_in_threadpool(measure, meshes, predictors)
