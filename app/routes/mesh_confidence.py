"""POST /mesh/confidence."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from anyio import to_thread
from fastapi import Depends
from jaxtyping import UInt8
from starlette.requests import Request
from starlette.responses import Response

from app.capabilities import MESH_CONFIDENCE, RECONSTRUCTION, SILHOUETTE
from app.codecs import encoding
from app.codecs.joint_arrays import observations_of_json, observations_of_npz
from app.codecs.media_types import FORM, GLB, IMAGE, JSON, NPZ, PNG
from app.codecs.photo_set import MAX_VALUES
from app.codecs.reconstructions import ENCODERS as RECONSTRUCTION_ENCODERS
from app.codecs.reconstructions import ReconstructedPhotos, SeenPhoto
from app.codecs.request_body import (
    BodyRule,
    check_media_type,
    decode_base64,
    field_error,
    parse_json,
)
from app.dependencies import (
    EngineDep,
    PredictorsDep,
    ServiceDep,
    decoded,
    negotiated,
    received_image,
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
from app.telemetry.request_timing import stage_milliseconds, timed_stage
from model.body.predictor import BodyParameters
from model.mesh_confidence.features import MeshObservation
from model.mesh_confidence.predictor import MeshConfidence
from model.reconstruction.predictor import ReconstructionItem

router = strict_router("reconstruction")
OFFERED = (JSON, GLB, PNG)
JUDGED_MESH = BodyRule(
    media_types=(FORM, JSON, IMAGE, NPZ),
    fields=("image",),
    hint="send a file part named `image`: curl -F image=@photo.jpg; or joints as JSON",
)


@dataclass(frozen=True)
class JudgedPicture:
    """A picture whose largest person's mesh is judged."""

    image: UInt8[np.ndarray, "H W 3"]
    options: ReconstructionRequest
    """With the keypoints that were sent, if any."""


async def _judged(request: Request, service: ServiceDep) -> JudgedPicture | list[MeshObservation]:
    """A picture, or joints of meshes beside keypoints."""
    media_type = await check_media_type(request, JUDGED_MESH)
    options = ReconstructionRequest(image="")
    if media_type not in (JSON, NPZ):
        return JudgedPicture(await received_image(request, service), options)
    body = await request.body()
    if media_type == NPZ:
        with timed_stage("decode"):
            return await to_thread.run_sync(observations_of_npz, body)
    sent = await to_thread.run_sync(parse_json, MeshConfidenceRequest, body, MAX_VALUES)
    if (text := sent.image) is None:
        return observations_of_json(sent)
    (image,) = await decoded(request, service, lambda: [decode_base64(text)])
    return JudgedPicture(image, options.model_copy(update={"keypoints": sent.keypoints}))


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
    sent: Annotated[JudgedPicture | list[MeshObservation], Depends(_judged)],
    predictors: PredictorsDep,
    engine: EngineDep,
) -> Response:
    """Of a picture: of the largest person's mesh, as POST /reconstruct makes it.

    Of joints: of the mesh of any regressor (SPIN, HMR 2.0 or another), from its joints in the
    picture and a detector's keypoints there. What differs between the two shows where it is wrong.
    """
    judge = predictors.need(MESH_CONFIDENCE)
    if isinstance(sent, JudgedPicture):
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
    sent: JudgedPicture,
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
    seen = await engine.submit(silhouette, sent.image)
    views = views_of(sent.image, seen, sent.options, 0)
    people = await engine.submit(predictor, ReconstructionItem(tuple(views)))
    maps = [view.confidence for view in views]
    trust = await judged(engine, judge, predictors.mesh_observer, people, maps)
    t_pose = None
    if with_t_pose:
        t_pose = await engine.submit(predictor.body, BodyParameters(people[0].betas))
    return ReconstructedPhotos(
        (SeenPhoto(sent.image, None, None),),
        people,
        (0,),
        predictors.reconstruction_rig,
        False,
        stage_milliseconds(),
        t_pose,
        trust,
        coloured=True,
    )
