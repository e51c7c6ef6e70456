"""GET /health/live, /health/ready and /metrics, for supervisors and Prometheus."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from app.dependencies import EngineDep, PredictorsDep, ServiceDep
from app.errors import NotReadyError
from app.openapi import problem_responses
from app.schemas.common import Health, Liveness
from app.schemas.problems import NOT_READY

router = APIRouter(tags=["operation"])


async def live(engine: EngineDep) -> Liveness:
    """503 when a device is lost, hangs, or its thread has ended: only a restart helps then."""
    if (reason := engine.failure) is not None:
        raise NotReadyError(reason)
    return Liveness()


async def ready(predictors: PredictorsDep, engine: EngineDep) -> Health:
    """503 while it warms up, when no capability is loaded, or when it is shutting down."""
    states = predictors.states()
    missing = {state.name: state.reason for state in states if state.reason is not None}
    if (reason := engine.unready) is not None:
        raise NotReadyError(reason)
    if len(missing) == len(states):
        raise NotReadyError(" ".join(missing.values()))
    return Health(loaded=[state.name for state in states if state.loaded], missing=missing)


for _endpoint, _name, _summary in (
    (live, "liveness", "Whether the process works"),
    (ready, "readiness", "Whether requests should be sent here"),
):
    for _prefix, _suffix in (("", ""), ("/v2", "_v2")):
        _path = f"{_prefix}/health/{_endpoint.__name__}"
        router.add_api_route(
            _path,
            _endpoint,
            operation_id=f"get_{_name}{_suffix}",
            summary=f"{_summary} (for KServe)" if _prefix else _summary,
            responses=problem_responses(NOT_READY),
        )
        router.add_api_route(_path, _endpoint, methods=["HEAD"], include_in_schema=False)


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format.",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": 'habitus_requests_total{method="POST",route="/mesh",status="200"} 1',
                }
            },
        }
    },
)
async def metrics(service: ServiceDep) -> Response:
    """Requests, queue, batches, loaded capabilities and the process itself."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)
