"""GET /models: what this server can do."""

from fastapi import APIRouter, Depends

from app.dependencies import PredictorsDep, refuse_unknown_parameters
from app.openapi import problem_responses
from app.schemas.common import Capabilities
from app.schemas.problems import UNUSABLE

router = APIRouter(tags=["operation"], dependencies=[Depends(refuse_unknown_parameters)])


@router.get(
    "/models",
    operation_id="list_models",
    summary="The capabilities, and why one is missing",
    responses=problem_responses(UNUSABLE),
)
async def models(predictors: PredictorsDep) -> Capabilities:
    """Each capability: loaded or why not, its checkpoint's card in short, input and device."""
    return Capabilities(capabilities=predictors.states())
