"""GET /problems and /problems/{name}: what the `type` of a problem document leads to."""

from html import escape

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.problem_kinds import KINDS, Kind

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
_KIND = """\
<p>Status {status}, <code>{name}</code>. <a href="{root}/problems">All problems</a></p>
<p>{cause}</p>
<p>{remedy}</p>
<p>An example of its <code>detail</code>:</p>
<pre>{example}</pre>
"""


@router.get("/problems")
async def problems(request: Request) -> HTMLResponse:
    """All kinds of problems, by status."""
    root = _root(request)
    items = "\n".join(
        f'<li>{kind.status} <a href="{root}/problems/{kind.name}">{escape(kind.title)}</a></li>'
        for kind in sorted(KINDS.values(), key=lambda kind: kind.status)
    )
    return HTMLResponse(_PAGE.format(title="Problems", content=f"<ul>\n{items}\n</ul>"))


@router.get("/problems/{name}")
async def problem(request: Request, name: str) -> HTMLResponse:
    """One kind: when it happens, and what the client can do."""
    if name not in KINDS:
        raise HTTPException(404)
    return HTMLResponse(_page(KINDS[name], _root(request)))


def _page(kind: Kind, root: str) -> str:
    content = _KIND.format(
        status=kind.status,
        name=kind.name,
        root=root,
        cause=escape(kind.cause),
        remedy=escape(kind.remedy),
        example=escape(kind.example),
    )
    return _PAGE.format(title=escape(kind.title), content=content)


def _root(request: Request) -> str:
    root: str = request.scope.get("root_path", "")
    return escape(root.rstrip("/"))
