"""Numbers out of whatever a foreign pickle keeps them in."""

from typing import Any

import numpy as np

from model.errors import AssetError
from training.assets.stand_ins import PickledChumpy, PickledSparse

Array = np.ndarray[Any, np.dtype[Any]]

_MAX_DEPTH = 8


def to_array(value: object, name: str) -> Array:
    """A dense array of numbers from an array, a list, a sparse matrix or a chumpy object.

    Args:
        value: From `restricted_load`.
        name: What it is called in the file, for the message.

    Raises:
        AssetError: It is something else, or damaged.
    """
    try:
        array = np.asarray(_unwrapped(value, name, 0))
    except (TypeError, ValueError, LookupError) as error:
        raise AssetError(f"{name} is not an array: {error}") from error
    if array.dtype.kind not in "iuf":
        raise AssetError(f"{name} holds {array.dtype}; an array of numbers is needed")
    return array


def _unwrapped(value: object, name: str, depth: int) -> object:
    if isinstance(value, PickledSparse):
        return value.to_array()
    if not isinstance(value, PickledChumpy):
        return value
    if depth == _MAX_DEPTH:
        raise AssetError(f"{name} is a chumpy expression of more than {_MAX_DEPTH} levels")
    # A chumpy object is a number, or an expression of others: `Ch` keeps it in `x`, those that only
    # reorder keep what they reorder in `a`.
    state, kind = value.state, value.path.rsplit(".", 1)[-1]
    if "x" in state:
        return _unwrapped(state["x"], name, depth + 1)
    if kind == "Select" and {"a", "idxs"} <= state.keys():
        chosen = _inner(state, name, depth).ravel()[np.asarray(state["idxs"])]
        return chosen.reshape(state.get("preferred_shape", chosen.shape))
    if kind == "transpose" and "a" in state:
        return _inner(state, name, depth).transpose(state.get("axes"))
    raise AssetError(
        f"{name} is a {value.path}; of chumpy's classes Ch, Select and transpose are understood"
    )


def _inner(state: dict[str, Any], name: str, depth: int) -> Array:
    return np.asarray(_unwrapped(state["a"], name, depth + 1))
