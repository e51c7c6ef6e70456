"""GET /models: what this server can do."""

from fastapi import APIRouter

from app.dependencies import PredictorsDep
from app.schemas.common import Capabilities

router = APIRouter(tags=["operation"])


@router.get("/models", summary="The capabilities, and why one is missing")
async def models(predictors: PredictorsDep) -> Capabilities:
    """Each capability: loaded or why not, its checkpoint's card in short, input and device."""
    return Capabilities.of(predictors.statuses())
