"""An experiment: a TOML file whose keys are the fields of frozen dataclasses.

With `extends = "other.toml"`, a file overrides keys of another one in the same folder.
"""

import dataclasses
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from model.errors import InvalidInputError

Recipe = TypeVar("Recipe")


def load_recipe(path: Path, kind: type[Recipe], overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        path: A TOML file.
        kind: A frozen dataclass, whose fields may be dataclasses or tuples of them.
        overrides: Each `key=value` or `table.key=value`, the value in TOML, or text.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It is not TOML, has an unknown key, lacks a key, has a wrong value, or
            extends itself. The message names each key by its path.
    """
    content = _read(path, ())
    for override in overrides:
        content = _merged(content, _override(override))
    return parse_recipe(content, kind, str(path))


def _override(text: str) -> dict[str, Any]:
    """`table.key=value` as nested dictionaries."""
    key, equals, value = text.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise InvalidInputError(f"{text!r} is not KEY=VALUE, like optimisation.learning_rate=1e-4")
    try:
        found: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        found = value
    for name in reversed(names):
        found = {name: found}
    content: dict[str, Any] = found
    return content


def _read(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """The content of a file, merged over that of the file that it extends."""
    if path.resolve() in above:
        raise InvalidInputError(f"{path} extends itself")
    try:
        content = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} is not a TOML file: {error}") from error
    extended = content.pop("extends", None)
    if extended is None:
        return content
    if not isinstance(extended, str):
        raise InvalidInputError(f"{path}: extends is {extended!r}; a file's name is needed")
    return _merged(_read(path.parent / extended, (*above, path.resolve())), content)


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Tables key by key; anything else as a whole."""
    both = {
        key: _merged(under[key], value)
        for key, value in over.items()
        if isinstance(value, dict) and isinstance(under.get(key), dict)
    }
    return under | over | both


def parse_recipe(content: dict[str, Any], kind: type[Recipe], source: str) -> Recipe:
    """A recipe from plain values.

    Args:
        content: As TOML or JSON gives it.
        kind: A frozen dataclass.
        source: Name of the file, for the message.

    Raises:
        InvalidInputError: It does not fit `kind`.
    """
    try:
        # Strict JSON reads a list as a tuple, but no text as a number. Without `extra`, pydantic
        # would ignore unknown keys.
        return TypeAdapter(kind).validate_json(json.dumps(content), strict=True, extra="forbid")
    except ValidationError as error:
        faults = "; ".join(_fault(details) for details in error.errors())
        raise InvalidInputError(f"{source}: {faults}") from error
    except TypeError as error:
        raise InvalidInputError(f"{source}: {error}") from error


def recipe_as_dict(recipe: object) -> dict[str, Any]:
    """Plain values that `parse_recipe` reads back.

    Raises:
        ValueError: It is not a dataclass instance.
    """
    if not dataclasses.is_dataclass(recipe) or isinstance(recipe, type):
        raise ValueError(f"a recipe is a dataclass, not {recipe!r}")
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(recipe)))
    return plain


def _fault(details: Any) -> str:
    path = ".".join(str(part) for part in details["loc"]) or "recipe"
    if details["type"] == "unexpected_keyword_argument":
        return f"{path} is not a key of this recipe"
    if details["type"] in ("missing", "missing_argument"):
        return f"{path} is missing"
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "value_error":
        return f"{path}: {message}"
    return f"{path} is {details['input']!r}: {message[0].lower()}{message[1:]}"
