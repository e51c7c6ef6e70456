"""POST /mesh/confidence."""

import asyncio
from typing import Annotated

import numpy as np
from fastapi import Depends
from jaxtyping import UInt8
from starlette.responses import Response

from app.capabilities import MESH_CONFIDENCE, RECONSTRUCTION, SILHOUETTE
from app.codecs import encoding
from app.codecs.media_types import GLB, JSON, NPZ, PNG
from app.codecs.reconstructions import ENCODERS as RECONSTRUCTION_ENCODERS
from app.codecs.reconstructions import ReconstructedPhotos, SeenPhoto
from app.codecs.request_body import field_error
from app.dependencies import (
    EngineDep,
    JudgedMeshDep,
    PredictorsDep,
    negotiated,
    strict_router,
)
from app.openapi import (
    PICTURE_FILE,
    binary_content,
    form_content,
    json_content,
    problem_responses,
    request_body,
)
from app.routes.reconstruction import judged, views_of
from app.schemas.mesh_confidence import MeshConfidenceRequest, MeshConfidences
from app.schemas.problems import NO_PERSON
from app.schemas.reconstruction import ReconstructionRequest
from app.telemetry.request_timing import stage_milliseconds
from model.body.predictor import BodyParameters
from model.mesh_confidence.predictor import MeshConfidence
from model.reconstruction.predictor import ReconstructionItem

router = strict_router("reconstruction")
OFFERED = (JSON, GLB, PNG)


@router.post(
    "/mesh/confidence",
    operation_id="judge_mesh",
    summary="How far to trust a mesh, part by part",
    response_class=Response,
    responses={
        200: {
            "description": "Probabilities; or, of a picture, the coloured mesh. JSON's example is "
            "shortened.",
            "content": {
                **json_content(MeshConfidences),
                **binary_content(GLB, "glTF 2.0: the body, rigged, coloured by trust"),
                **binary_content(PNG, "8-bit RGB: the mesh over the photo, coloured by trust"),
            },
        },
        **problem_responses(NO_PERSON),
    },
    openapi_extra=request_body(
        form_content({"image": "@photo.jpg"}, PICTURE_FILE),
        json_content(MeshConfidenceRequest),
        binary_content("image/*", "the picture file itself; its content tells its format"),
        binary_content(
            NPZ, "projected (N, K, 2), detected (N, K, 3) and perhaps crop (N, 3) of N meshes"
        ),
    ),
)
async def mesh_confidence(
    media_type: Annotated[str, Depends(negotiated(*OFFERED))],
    sent: JudgedMeshDep,
    predictors: PredictorsDep,
    engine: EngineDep,
) -> Response:
    """Of a picture: of the largest person's mesh, as POST /reconstruct makes it.

    Of joints: of the mesh of any regressor (SPIN, HMR 2.0 or another), from its joints in the
    picture and a detector's keypoints there. What differs between the two shows where it is wrong.
    """
    judge = predictors.need(MESH_CONFIDENCE)
    if isinstance(sent, np.ndarray):
        found = await _reconstructed(sent, predictors, engine, media_type == GLB)
        if media_type != JSON:
            return await encoding.respond(found, media_type, RECONSTRUCTION_ENCODERS)
        assert found.trust is not None
        return await _respond(list(found.trust))
    if media_type != JSON:
        raise field_error("image", f"{media_type} shows the mesh of a picture; joints have none")
    return await _respond(await asyncio.gather(*(engine.submit(judge, one) for one in sent)))


async def _respond(found: list[MeshConfidence]) -> Response:
    return await encoding.respond(
        found, JSON, {JSON: lambda meshes: MeshConfidences.of(meshes).model_dump_json().encode()}
    )


async def _reconstructed(
    image: UInt8[np.ndarray, "H W 3"],
    predictors: PredictorsDep,
    engine: EngineDep,
    with_t_pose: bool,
) -> ReconstructedPhotos:
    """The largest person of a picture, judged.

    Raises:
        NoPersonError: There is nobody.
        CapabilityMissingError: Something that it takes is not loaded.
    """
    predictor, silhouette = predictors.need(RECONSTRUCTION), predictors.need(SILHOUETTE)
    judge = predictors.need(MESH_CONFIDENCE)
    seen = await engine.submit(silhouette, image)
    views = views_of(image, seen, ReconstructionRequest(image=""), 0)
    people = await engine.submit(predictor, ReconstructionItem(tuple(views)))
    maps = [view.confidence for view in views]
    trust = await judged(engine, judge, predictors.mesh_observer, people, maps)
    t_pose = None
    if with_t_pose:
        t_pose = await engine.submit(predictor.body, BodyParameters(people[0].betas))
    return ReconstructedPhotos(
        (SeenPhoto(image, None, None),),
        people,
        (0,),
        predictors.reconstruction_rig,
        False,
        stage_milliseconds(),
        t_pose,
        trust,
        coloured=True,
    )
