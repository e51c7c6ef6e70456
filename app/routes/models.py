"""GET /models: what this server can do."""

from app.dependencies import PredictorsDep, strict_router
from app.schemas.common import Capabilities

router = strict_router("operation")


@router.get(
    "/models",
    operation_id="list_models",
    summary="The capabilities, and why one is missing",
)
async def models(predictors: PredictorsDep) -> Capabilities:
    """Each capability: loaded or why not, its checkpoint's card in short, input and device."""
    return Capabilities(capabilities=predictors.states())
