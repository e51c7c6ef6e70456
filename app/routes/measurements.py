"""POST /measurements."""

from anyio import to_thread
from fastapi import Depends

from app.capabilities import BODY
from app.codecs.media_types import JSON
from app.dependencies import (
    MeasuredBodyDep,
    PredictorsDep,
    ServiceDep,
    negotiated,
    strict_router,
)
from app.openapi import json_content, request_body
from app.schemas.body import BetasUse
from app.schemas.measurements import BodyMeasurements, MeasurementsRequest
from model.body.predictor import BodyParameters

router = strict_router("body")


@router.post(
    "/measurements",
    operation_id="measure_body",
    summary="What a tape and scales say of a body",
    dependencies=[Depends(negotiated(JSON))],
    response_description="Lengths in metres, mass in kilograms. The example is shortened.",
    openapi_extra=request_body(json_content(MeasurementsRequest)),
)
async def measurements(
    contents: MeasuredBodyDep, predictors: PredictorsDep, service: ServiceDep
) -> BodyMeasurements:
    """A body in T-pose as betas, or as vertices of the server's asset in metres, Y up, facing +Z.

    Girths are those of a tape, which bridges hollows. Limbs are measured on the right.
    """
    predictor = predictors.need(BODY)
    if isinstance(contents, BodyParameters):
        vertices = (await service.engine.submit(predictor, contents)).vertices
        betas = BetasUse.of(len(contents.betas), predictor.num_betas)
    else:
        vertices, betas = contents, None
    measured = await to_thread.run_sync(
        lambda: predictor.tape.measure(vertices[None]), limiter=service.comparing
    )
    return BodyMeasurements.of(measured[0], betas)
