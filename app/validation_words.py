"""What pydantic finds wrong with a request, in the words of JSON: what arrived, what is allowed."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

MAX_SHOWN = 40
"""Characters of a value that an error repeats."""

Location = Sequence[int | str]
"""As pydantic has it: "body" or "query" first, then names and indices."""


def explain(entry: Mapping[str, Any], known: Sequence[str]) -> str:
    """What is wrong with a field.

    Args:
        entry: One of pydantic's errors.
        known: Names that are allowed where an unknown one was found.
    """
    kind: str = entry["type"]
    if kind == "missing":
        return "is missing" if len(entry["loc"]) > 1 else "is empty; a JSON object is needed"
    if kind == "extra_forbidden":
        return f"is not known; the object takes {', '.join(known)}"
    if kind in _EXPLANATIONS:
        return _EXPLANATIONS[kind].format(found=_found(entry["input"]), **entry.get("ctx", {}))
    message: str = entry["msg"]
    return message.removeprefix("Value error, ")


def dotted(location: Location) -> str:
    """`betas[3]` for ("body", "betas", 3)."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:])
    return name.removeprefix(".") or "the body"


def pointer(location: Location) -> str:
    """`#/betas/3` for ("body", "betas", 3). Source: RFC 6901, sections 3 and 6."""
    names = (str(part).replace("~", "~0").replace("/", "~1") for part in location[1:])
    return "#" + "".join(f"/{name}" for name in names)


def _found(value: object) -> str:
    """The value that was sent, as JSON, shortened."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    # A text may be megabytes long.
    text = json.dumps(value[: MAX_SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


_EXPLANATIONS = {
    "model_type": "is {found}; a JSON object is needed",
    "list_type": "is {found}; a list is needed",
    "float_type": "is {found}; a number is needed",
    "finite_number": "is {found}; a finite number is needed",
    "string_type": "is {found}; text is needed",
    "bool_parsing": "is {found}; true or false is needed",
    "literal_error": "is {found}; {expected} is needed",
    "less_than_equal": "is {found}; at most {le:g} is allowed",
    "greater_than_equal": "is {found}; at least {ge:g} is needed",
    "too_short": "has {actual_length} items; at least {min_length} are needed",
    "too_long": "has {actual_length} items; at most {max_length} are allowed",
}
"""By pydantic's type of error: those that the wire types give."""
