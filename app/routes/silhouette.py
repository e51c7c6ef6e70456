"""POST /confidence and /confidence/weighted-image."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends
from jaxtyping import Float
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app import encoding
from app.dependencies import EngineDep, ImageDep, Negotiated, PredictorsDep
from app.direct import DirectRoute
from app.openapi import PICTURE_FORM, UPLOAD_PROBLEMS, binary_content, json_content
from app.schemas.silhouette import ConfidenceMap
from model.silhouette.confidence import weight_image

router = APIRouter(tags=["silhouette"], route_class=DirectRoute)


def _confidence_json(confidence: Float[np.ndarray, "H W"]) -> bytes:
    return ConfidenceMap.of(confidence).model_dump_json().encode()


CONFIDENCE_ENCODERS = {
    encoding.PNG: encoding.grey_png,
    encoding.NPY: encoding.npy,
    encoding.JSON: _confidence_json,
}
WEIGHTED_ENCODERS = {encoding.PNG: encoding.rgb_png, encoding.NPY: encoding.npy}


@router.post(
    "/confidence",
    summary="Where the body is in a photo",
    response_class=Response,
    responses={
        200: {
            "description": "The map, the size of the upright picture.",
            "content": {
                **binary_content(encoding.PNG, "8-bit grey, 255 for a confidence of 1"),
                **binary_content(encoding.NPY, "float32 (H, W) in [0, 1]"),
                **json_content(ConfidenceMap),
            },
        },
        **UPLOAD_PROBLEMS,
    },
    openapi_extra=PICTURE_FORM,
)
async def confidence(
    media_type: Annotated[str, Depends(Negotiated(*CONFIDENCE_ENCODERS))],
    image: ImageDep,
    predictors: PredictorsDep,
    engine: EngineDep,
) -> Response:
    """1 where the body surely is, under the clothes too; fading in loose cloth; 0 elsewhere."""
    result = await engine.submit(predictors.need_silhouette(), image)
    return await encoding.respond(
        result.confidence, media_type, CONFIDENCE_ENCODERS, num_bytes=result.confidence.nbytes
    )


@router.post(
    "/confidence/weighted-image",
    summary="A photo weighted by where the body is",
    response_class=Response,
    responses={
        200: {
            "description": "The upright picture times its confidence.",
            "content": {
                **binary_content(encoding.PNG, "8-bit RGB"),
                **binary_content(encoding.NPY, "float32 (H, W, 3) in [0, 1]"),
            },
        },
        **UPLOAD_PROBLEMS,
    },
    openapi_extra=PICTURE_FORM,
)
async def weighted_image(
    media_type: Annotated[str, Depends(Negotiated(*WEIGHTED_ENCODERS))],
    image: ImageDep,
    predictors: PredictorsDep,
    engine: EngineDep,
) -> Response:
    """Each pixel multiplied by its confidence: what is not body goes dark."""
    result = await engine.submit(predictors.need_silhouette(), image)
    weighted = await run_in_threadpool(weight_image, image, result.confidence)
    return await encoding.respond(
        weighted, media_type, WEIGHTED_ENCODERS, num_bytes=weighted.nbytes
    )
