"""GET /problems and /problems/{name}: the pages that the `type` of a problem document names."""

from html import escape

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.schemas.problems import KINDS

router = APIRouter(include_in_schema=False)
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
{content}
</body>
</html>
"""


@router.get("/problems")
async def problems(request: Request) -> HTMLResponse:
    """All kinds of problems, by status."""
    items = "\n".join(
        f'<li>{kind.status} <a href="{_root(request)}/problems/{kind.name}">{kind.title}</a></li>'
        for kind in sorted(KINDS.values(), key=lambda kind: kind.status)
    )
    return HTMLResponse(_PAGE.format(title="Problems", content=f"<ul>\n{items}\n</ul>"))


@router.get("/problems/{name}")
async def problem(request: Request, name: str) -> HTMLResponse:
    """One kind: when it happens, and what the client can do."""
    if name not in KINDS:
        raise HTTPException(404)
    kind = KINDS[name]
    content = (
        f"<p>Status {kind.status}, <code>{name}</code>. "
        f'<a href="{_root(request)}/problems">All problems</a></p>\n'
        f"<p>{escape(kind.explanation)}</p>\n"
        f"<p>An example of its <code>detail</code>:</p>\n<pre>{escape(kind.example)}</pre>"
    )
    return HTMLResponse(_PAGE.format(title=kind.title, content=content))


def _root(request: Request) -> str:
    root: str = request.scope.get("root_path", "")
    return escape(root.rstrip("/"))
