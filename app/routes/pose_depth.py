"""POST /pose/depth."""

import dataclasses
import io
from collections.abc import Callable
from typing import Annotated

import numpy as np
from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.capabilities import POSE_DEPTH
from app.codecs import encoding
from app.codecs.media_types import JSON, NPZ
from app.dependencies import EngineDep, PosesDep, PredictorsDep, negotiated, strict_router
from app.openapi import binary_content, json_content, request_body
from app.schemas.pose_depth import UNITS, PoseContents, PoseDepth, PoseDepthRequest, joint_names
from model.pose_depth.predictor import RefinedPoses, with_landmarks
from model.pose_depth.smoothing import smoothed

router = strict_router("pose_depth")


def _json(refined: RefinedPoses) -> bytes:
    camera = zip(refined.azimuth_deg.tolist(), refined.elevation_deg.tolist(), strict=True)
    return encoding.json_bytes(
        {
            "joint_names": joint_names(refined),
            "poses": np.ascontiguousarray(refined.joints),
            "confidence": np.ascontiguousarray(refined.confidence),
            "camera": [{"azimuth_deg": a, "elevation_deg": e} for a, e in camera],
            "units": UNITS,
        }
    )


def _npz(refined: RefinedPoses) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        joint_names=np.array(joint_names(refined)),
        poses=refined.joints,
        confidence=refined.confidence,
        azimuth_deg=refined.azimuth_deg,
        elevation_deg=refined.elevation_deg,
    )
    return buffer.getvalue()


ENCODERS: dict[str, Callable[[RefinedPoses], bytes]] = {JSON: _json, NPZ: _npz}


@router.post(
    "/pose/depth",
    operation_id="refine_poses",
    summary="The depth of 3D poses from a single camera, corrected",
    response_class=Response,
    responses={
        200: {
            "description": "Poses in metres, hip-centred, in the camera's axes. JSON's example is "
            "shortened.",
            "content": {
                **json_content(PoseDepth),
                **binary_content(
                    NPZ, "poses, confidence, azimuth_deg, elevation_deg and joint_names"
                ),
            },
        }
    },
    openapi_extra=request_body(json_content(PoseDepthRequest)),
)
async def pose_depth(
    media_type: Annotated[str, Depends(negotiated(*ENCODERS))],
    contents: PosesDep,
    predictors: PredictorsDep,
    engine: EngineDep,
) -> Response:
    """What MediaPipe or another detector found, in; the same poses with their errors reduced, out.

    All three axes are corrected. Frames of a video (`frame_rate`) learn from their neighbours.
    """
    refined = await engine.submit(predictors.need(POSE_DEPTH), contents.observed)
    finished = await run_in_threadpool(_finished, refined, contents)
    return await encoding.respond(finished, media_type, ENCODERS)


def _finished(refined: RefinedPoses, contents: PoseContents) -> RefinedPoses:
    """Smoothed where it is a sequence, with all landmarks that were given."""
    seconds = contents.observed.seconds
    if seconds is not None:
        joints = smoothed(refined.joints, seconds, contents.smoothing_s)
        refined = dataclasses.replace(refined, joints=joints)
    return with_landmarks(refined, contents.poses)
