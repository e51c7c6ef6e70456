"""The HABITUS_* variables of a process that are not settings."""

import difflib
import re
from collections.abc import Collection, Mapping

PREFIX = "HABITUS_"
_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*")
_LINK_PORT = re.compile(rf"{PREFIX}(\w+_)?PORT")
_LINK = re.compile(
    rf"{PREFIX}(\w+_)?"
    r"(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)


def service_links(environment: Mapping[str, str]) -> list[str]:
    """The variables that Kubernetes sets in later pods for services whose name begins with habitus.

    Source: Kubernetes documentation, Service, "Environment variables".
    """
    return sorted(name for name, text in environment.items() if _is_link(name.upper(), text))


def is_service_address(value: object) -> bool:
    """Whether it is what Kubernetes sets HABITUS_PORT to, for a service called habitus."""
    return isinstance(value, str) and bool(_ADDRESS.fullmatch(value))


def _is_link(name: str, text: str) -> bool:
    if _LINK_PORT.fullmatch(name) and is_service_address(text):
        return True
    return bool(_LINK.fullmatch(name))


def check_names(environment: Mapping[str, str], settings: Collection[str]) -> None:
    """Refuse variables that set nothing.

    Args:
        environment: Of the process.
        settings: Names of the settings, without the prefix.

    Raises:
        ValueError: A HABITUS_* variable is neither a setting nor set by Kubernetes.
    """
    known = {f"{PREFIX}{name}".upper() for name in settings}
    links = service_links(environment)
    for variable in sorted(environment):
        name = variable.upper()
        if name.startswith(PREFIX) and name not in known and variable not in links:
            [nearest] = difflib.get_close_matches(name, known, n=1, cutoff=0)
            raise ValueError(f"{variable} is not a setting; did you mean {nearest}?")
