"""The host names under which the server answers.

A web page can point its own name to the address of this machine (DNS rebinding) and then read the
server's answers. The Host header then holds the page's name.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import Message, Receive, Scope, Send

from app.errors import ProblemError
from app.middleware.head_checks import HeadCheck
from app.middleware.paths import is_operational
from app.schemas.problems import BAD_HEAD


def trusted_hosts(names: Sequence[str]) -> HeadCheck:
    """A check by Starlette's TrustedHostMiddleware.

    Supervisors and Prometheus are not checked: they use addresses that change.
    """

    async def accept(scope: Scope, _receive: Receive, _send: Send) -> None:
        scope["is_trusted"] = True

    async def nothing(*_: Message) -> Message:
        return {}

    starlette_check = TrustedHostMiddleware(accept, names, www_redirect=False)

    async def check(scope: Scope) -> None:
        if is_operational(scope):
            return
        checked = {**scope, "is_trusted": False}
        await starlette_check(checked, nothing, nothing)  # type: ignore[arg-type]
        if not checked["is_trusted"]:
            host = Headers(scope=scope).get("host", "")
            raise ProblemError(
                BAD_HEAD,
                f"the Host header is {host!r}; HABITUS_ALLOWED_HOSTS lists the names that are "
                "served",
            )

    return check
