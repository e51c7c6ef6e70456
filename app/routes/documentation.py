"""GET /docs, the OpenAPI document as a page, and GET /problems. No page asks another server.

FastAPI's own page loads Swagger UI from a public network, which a firewall may block.
"""

from importlib import resources
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, RedirectResponse

from app.schemas.problems import KINDS

router = APIRouter(include_in_schema=False)
_WEB = Path(__file__).parents[1] / "web"
_SWAGGER = Path(str(resources.files("fastapi_swagger"))) / "resources"
_ASSETS = {
    path.name: path
    for path in (
        _WEB / "docs.js",
        _SWAGGER / "swagger-ui-bundle.js",
        _SWAGGER / "swagger-ui.css",
        _SWAGGER / "favicon-32x32.png",
    )
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Swagger UI writes style attributes and pictures into the page.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


@router.get("/docs")
async def page() -> FileResponse:
    """The page, which may only run scripts of this server."""
    return FileResponse(_WEB / "docs.html", headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/{name}")
async def asset(name: str) -> FileResponse:
    """A file of the page."""
    if name not in _ASSETS:
        raise HTTPException(404)
    return FileResponse(_ASSETS[name], headers={"Cache-Control": "public, max-age=86400"})


@router.get("/problems")
async def problems() -> FileResponse:
    """What each kind of problem means, and what the client can do."""
    return FileResponse(_WEB / "problems.html")


@router.get("/problems/{name}")
async def problem(name: str) -> RedirectResponse:
    """The `type` of a problem: the entry of its kind."""
    if name not in KINDS:
        raise HTTPException(404)
    return RedirectResponse(f"../problems#{name}")
