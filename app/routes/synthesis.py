"""POST /synthesis."""

from typing import Annotated

import numpy as np
from fastapi import Query
from pydantic.json_schema import SkipJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from app.capabilities import SYNTHESIS
from app.codecs import encoding
from app.codecs.animation import Animation, first_png, frames_npy, mp4, webp
from app.codecs.media_types import (
    FORMATS,
    MP4,
    NPY,
    PNG,
    WEBP,
    NotAcceptableError,
    negotiate,
)
from app.dependencies import (
    EngineDep,
    PredictorsDep,
    SkeletonsDep,
    format_query,
    strict_router,
)
from app.openapi import binary_content, json_content, request_body
from app.schemas.synthesis import SynthesisRequest
from model.synthesis.person import MethodName
from model.synthesis.predictor import Performance
from model.video import has_video

router = strict_router("synthesis")
PER_TURN = 16
"""Frames that a device draws before it takes other requests."""
ENCODERS = {PNG: first_png, MP4: mp4, WEBP: webp, NPY: frames_npy}


def media_type_for(
    num_frames: int, accept: str | None, format_name: str | None, with_video: bool
) -> str:
    """The media type of an answer with so many frames.

    Args:
        num_frames: Of the request.
        accept: The header.
        format_name: Value of `?format=`; overrides the header.
        with_video: Whether videos can be written.

    Raises:
        NotAcceptableError: None that is asked for can hold them.
    """
    offered = [PNG, WEBP, NPY] if num_frames == 1 else [WEBP, NPY]
    if with_video:
        offered.insert(num_frames == 1, MP4)
    try:
        return negotiate(accept, format_name, offered)
    except NotAcceptableError as error:
        wanted = FORMATS.get(format_name, "") if format_name is not None else (accept or "")
        if MP4 in wanted and not with_video:
            raise NotAcceptableError(
                f"this server cannot write {MP4}: PyAV is not installed, which "
                f"`pip install 'habitus[video]'` brings; {error}"
            ) from error
        if PNG in wanted:
            raise NotAcceptableError(f"{num_frames} frames do not fit a {PNG}; {error}") from error
        raise


@router.post(
    "/synthesis",
    operation_id="draw_person",
    summary="A person in new poses",
    response_class=Response,
    responses={
        200: {
            "description": "One frame is a PNG picture unless something else is asked for. Several "
            "are a video where the server can write videos, otherwise a WebP animation.",
            "content": {
                **binary_content(PNG, "8-bit RGB; one frame"),
                **binary_content(MP4, "H.264; where PyAV is installed"),
                **binary_content(WEBP, "an animation"),
                **binary_content(NPY, "uint8 (N, S, S, 3) RGB"),
            },
        },
    },
    openapi_extra=request_body(json_content(SynthesisRequest)),
)
async def synthesis(
    request: Request,
    skeletons: SkeletonsDep,
    predictors: PredictorsDep,
    engine: EngineDep,
    person: Annotated[
        str | SkipJsonSchema[None],
        Query(description="Who is drawn; GET /models names them. The first one when left out."),
    ] = None,
    method: Annotated[
        MethodName | SkipJsonSchema[None],
        Query(
            description="`nearest` gives the known frame with the nearest skeleton; the others are "
            "networks. When left out, the best that the person has: the last of these."
        ),
    ] = None,
    normalise: Annotated[
        bool,
        Query(
            description="Whether the skeletons are of somebody else, and are moved and scaled to "
            "the person's place and height. It needs a sequence in which they stand upright once."
        ),
    ] = False,
    frames_per_second: Annotated[
        float, Query(gt=0, le=120, allow_inf_nan=False, description="Of a video or an animation.")
    ] = 25.0,
    format: Annotated[str | SkipJsonSchema[None], format_query([PNG, MP4, WEBP, NPY])] = None,
) -> Response:
    """The frames of one person who moves as the skeletons do, over that person's background.

    Pictures are made by a machine: draw real people only with their consent.
    """
    media_type = media_type_for(len(skeletons), request.headers.get("accept"), format, has_video())
    predictor = predictors.need(SYNTHESIS)
    wanted = Performance(skeletons, person, method, normalise)
    drawn = [
        (await engine.submit(predictor, part)).frames for part in predictor.split(wanted, PER_TURN)
    ]
    animation = Animation(np.concatenate(drawn), frames_per_second)
    return await encoding.respond(animation, media_type, ENCODERS)
