"""GET /docs: the OpenAPI document as a page, without requests to another server.

FastAPI's own page loads Swagger UI from a public network, which a firewall may block.
"""

from functools import cache
from importlib import resources

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

router = APIRouter(include_in_schema=False)
_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
_START = """\
window.addEventListener("load", () => {
  const page = document.getElementById("start").dataset;
  SwaggerUIBundle({
    url: page.document,
    dom_id: "#page",
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    validatorUrl: "none",
  });
});
"""
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Habitus</title>
<link rel="icon" href="{root}/docs/favicon-32x32.png">
<link rel="stylesheet" href="{root}/docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="{root}/docs/swagger-ui-bundle.js"></script>
<script src="{root}/docs/start.js" id="start" data-document="{root}/openapi.json"></script>
</body>
</html>
"""
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
_CACHED = {"Cache-Control": "public, max-age=86400"}


@router.get("/docs")
async def page(request: Request) -> HTMLResponse:
    """The page, which may only run scripts of this server."""
    root = request.scope.get("root_path", "").rstrip("/")
    return HTMLResponse(_PAGE.format(root=root), headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/start.js")
async def start() -> Response:
    """Starts Swagger UI; the page's policy forbids inline scripts."""
    return Response(_START, media_type="text/javascript", headers=_CACHED)


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    """A file of Swagger UI."""
    if name not in _FILES:
        raise HTTPException(404)
    return Response(_read(name), media_type=_FILES[name], headers=_CACHED)


@cache
def _read(name: str) -> bytes:
    return (resources.files("fastapi_swagger.resources") / name).read_bytes()
