"""POST /confidence and /confidence/weighted-image."""

from typing import Annotated, Literal

import numpy as np
from fastapi import Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.capabilities import SILHOUETTE
from app.codecs import encoding
from app.codecs.media_types import JSON, NPY, PNG
from app.dependencies import (
    EngineDep,
    ImageDep,
    PredictorsDep,
    negotiated,
    strict_router,
)
from app.openapi import binary_content, json_content, picture_operation
from app.schemas.silhouette import ConfidenceMap
from model.silhouette.confidence import weight_image
from model.silhouette.people import Person
from model.silhouette.predictor import SilhouetteConfidence

router = strict_router("silhouette")


PeopleParameter = Annotated[
    Literal["all", "largest"],
    Query(description="Whose bodies are shown: everybody's, or that of the largest person alone."),
]
_EXAMPLE = SilhouetteConfidence(
    np.array([[0, 1], [0, 0]], np.float32),
    (Person(np.array([1, 0, 2, 1], np.float32), 0.875, np.ones((17, 3), np.float32)),),
)


def _confidence_png(result: SilhouetteConfidence) -> bytes:
    return encoding.unit_png(result.confidence)


def _confidence_npy(result: SilhouetteConfidence) -> bytes:
    return encoding.npy(result.confidence)


def _confidence_json(result: SilhouetteConfidence) -> bytes:
    return ConfidenceMap.of(result).model_dump_json().encode()


CONFIDENCE_ENCODERS = {
    PNG: _confidence_png,
    NPY: _confidence_npy,
    JSON: _confidence_json,
}
WEIGHTED_ENCODERS = {PNG: encoding.unit_png, NPY: encoding.npy}


@router.post(
    "/confidence",
    operation_id="predict_confidence",
    summary="Where the body is in a photo",
    **picture_operation(
        "The map, the size of the upright picture.",
        binary_content(PNG, "8-bit grey, 255 for a confidence of 1"),
        binary_content(NPY, "float32 (H, W) in [0, 1]"),
        json_content(ConfidenceMap, ConfidenceMap.of(_EXAMPLE)),
    ),
)
async def confidence(
    media_type: Annotated[str, Depends(negotiated(*CONFIDENCE_ENCODERS))],
    image: ImageDep,
    predictors: PredictorsDep,
    engine: EngineDep,
    people: PeopleParameter = "all",
) -> Response:
    """Probability that a pixel shows the body, clothed or not: lower in loose cloth."""
    predictor = predictors.need(SILHOUETTE)
    result = await engine.submit(predictor, image)
    shown = result if people == "all" else result.of_largest()
    return await encoding.respond(shown, media_type, CONFIDENCE_ENCODERS)


@router.post(
    "/confidence/weighted-image",
    operation_id="weight_image",
    summary="A photo weighted by where the body is",
    **picture_operation(
        "The upright picture times its confidence.",
        binary_content(PNG, "8-bit RGB"),
        binary_content(NPY, "float32 (H, W, 3) in [0, 1]"),
    ),
)
async def weighted_image(
    media_type: Annotated[str, Depends(negotiated(*WEIGHTED_ENCODERS))],
    image: ImageDep,
    predictors: PredictorsDep,
    engine: EngineDep,
    people: PeopleParameter = "all",
) -> Response:
    """Each pixel multiplied by its confidence: what is not body goes dark."""
    predictor = predictors.need(SILHOUETTE)
    result = await engine.submit(predictor, image)
    shown = result if people == "all" else result.of_largest()
    weighted = await run_in_threadpool(weight_image, image, shown.confidence)
    return await encoding.respond(weighted, media_type, WEIGHTED_ENCODERS)
