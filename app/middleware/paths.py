"""The path of a request as the routes see it."""

from starlette.types import Scope

HEALTH_PREFIXES = ("/health/", "/v2/health/")
METRICS_PATH = "/metrics"


def route_path(scope: Scope) -> str:
    """The path without HABITUS_ROOT_PATH."""
    path: str = scope["path"]
    inner = path.removeprefix(scope.get("root_path", ""))
    return inner if inner.startswith("/") else path


def is_health_check(scope: Scope) -> bool:
    """Whether it is a supervisor's health check."""
    return route_path(scope).startswith(HEALTH_PREFIXES)


def is_operational(scope: Scope) -> bool:
    """Whether it is a health check or a scrape of Prometheus."""
    return is_health_check(scope) or route_path(scope) == METRICS_PATH
