"""The types that the restricted unpickler builds instead of NumPy's, SciPy's and chumpy's own.

A pickle calls functions with arguments of its choice. NumPy and SciPy do not check theirs:
`numpy.dtype.__setstate__` takes flags that make NumPy follow plain bytes as pointers, `numpy.empty`
takes any size, and a sparse matrix takes indices beyond its end. The classes here check their
arguments and only hold them. `to_array` makes plain arrays of them.
"""

import math
import re
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import scipy.sparse

from model.errors import AssetError

Array = np.ndarray[Any, np.dtype[Any]]

_MAX_DEPTH = 8
_DTYPE_CODE = re.compile(r"[<>=|]?(?:b1|[iu][1248]|f[248]|c(?:8|16)|[SU]\d{1,6}|O[48]?|\?)")


class Reducer:
    """A function that a pickle may call. A pickle could overwrite a plain function's attributes."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __call__(self, *args: object) -> object:
        """Call the checked replacement of the function that the pickle named."""
        return self._function(*args)

    def __setstate__(self, state: object) -> None:
        raise AssetError("the pickle tries to change a function")


class PickledDtype:
    """`numpy.dtype`: a code that `_DTYPE_CODE` allows, and a byte order."""

    def __init__(self, code: object, *_flags: object) -> None:
        if not isinstance(code, str) or not _DTYPE_CODE.fullmatch(code):
            raise AssetError(f"the pickle holds an array of type {code!r}; numbers and text only")
        self.dtype = np.dtype("O" if code.startswith("O") else code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order, subtype, names, fields = state[1:5]
        if order not in ("<", ">", "=", "|") or (subtype, names, fields) != (None, None, None):
            raise AssetError("the pickle holds an array of records; numbers and text only")
        self.dtype = self.dtype.newbyteorder(order)


class PickledArray(np.ndarray[Any, np.dtype[Any]]):
    """`numpy.ndarray`: empty until its state has been checked."""

    def __new__(cls) -> "PickledArray":  # noqa: D102
        return super().__new__(cls, (0,))

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran_order, values = state
        kind = _dtype_of(dtype)
        if kind.hasobject:
            if not isinstance(values, list) or len(values) != _num_elements(shape):
                raise AssetError(f"the pickle holds an array whose elements do not fill {shape}")
        else:
            values = _checked_bytes(values, shape, kind)
        checked: Any = (1, shape, kind, bool(fortran_order), values)
        super().__setstate__(checked)


def reconstruct(subtype: object, *_empty: object) -> PickledArray:
    """`numpy.core.multiarray._reconstruct`: an empty array, filled by its state."""
    if subtype is not PickledArray:
        raise AssetError(f"the pickle rebuilds an array as {subtype!r}; numpy.ndarray only")
    return PickledArray()


def from_buffer(values: object, dtype: object, shape: object, order: object) -> Array:
    """`numpy.core.numeric._frombuffer`: an array out of a copy of its bytes."""
    kind = _dtype_of(dtype)
    if kind.hasobject or order not in ("C", "F"):
        raise AssetError(f"the pickle holds bytes as {kind} in order {order!r}; numbers only")
    raw = _checked_bytes(values, shape, kind)
    flat: Array = np.frombuffer(raw, kind)
    return flat.reshape(shape, order=order).copy()  # type: ignore[call-overload, no-any-return]


def scalar(dtype: object, value: object) -> object:
    """`numpy.core.multiarray.scalar`: one number."""
    kind = _dtype_of(dtype)
    if kind.hasobject:
        raise AssetError("the pickle holds a scalar object; numbers and text only")
    return np.frombuffer(_checked_bytes(value, (1,), kind), kind)[0]


def encode(text: object, encoding: object = "latin1", *rest: object) -> bytes:
    """`_codecs.encode`: protocols 0 to 2 write bytes with it."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1") or rest:
        raise AssetError("the pickle encodes something other than latin1 text")
    return text.encode("latin1")


def no_bytes() -> bytes:
    """`bytes()`: protocols 0 to 2 write empty bytes with it. It takes no size to allocate."""
    return b""


class Opaque:
    """An object of another package, kept as its pickled attributes."""

    path: ClassVar[str] = "object"
    state: dict[str, Any]

    def __new__(cls) -> "Opaque":  # noqa: D102
        holder = super().__new__(cls)
        holder.state = {}
        return holder

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise AssetError(f"the pickle holds a {self.path} whose state is not a dictionary")
        self.state = state


class PickledChumpy(Opaque):
    """A chumpy object: a number in `x`, or an expression of other chumpy objects."""


class PickledSparse(Opaque):
    """A scipy.sparse matrix."""

    def to_array(self) -> Array:
        """The dense matrix, once the indices have been checked.

        Raises:
            AssetError: The parts do not make a matrix.
        """
        state = self.state
        kind = self.path.rsplit(".", 1)[-1][:3]
        try:
            shape = tuple(int(side) for side in state.get("_shape", state.get("shape", ())))
            if len(shape) != 2 or math.prod(shape) > 2**28 or min(shape) < 0:
                raise AssetError(f"the pickle holds a sparse matrix of shape {shape}")
            data = np.asarray(state["data"])
            if kind == "coo":
                row, column = state["coords"] if "coords" in state else (state["row"], state["col"])
                parts = (data, (np.asarray(row), np.asarray(column)))
                return np.asarray(scipy.sparse.coo_matrix(parts, shape).toarray())
            build = scipy.sparse.csc_matrix if kind == "csc" else scipy.sparse.csr_matrix
            indices, pointers = np.asarray(state["indices"]), np.asarray(state["indptr"])
            matrix = build((data, indices, pointers), shape)
            matrix.check_format(full_check=True)
            return np.asarray(matrix.toarray())
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise AssetError(f"the pickle holds a damaged {self.path}: {error}") from error


def rebuild(cls: object, base: object, state: object) -> Opaque:
    """`copyreg._reconstructor`: protocols 0 and 1 make objects with it."""
    if not (isinstance(cls, type) and issubclass(cls, Opaque)) or base is not Opaque or state:
        raise AssetError(f"the pickle rebuilds {cls!r} from {base!r}; that is not needed")
    return cls()


def _dtype_of(dtype: object) -> np.dtype[Any]:
    if not isinstance(dtype, PickledDtype):
        raise AssetError(f"the pickle holds an array of type {dtype!r}; numbers and text only")
    return dtype.dtype


def _num_elements(shape: object) -> int:
    if not isinstance(shape, tuple) or not all(type(side) is int and side >= 0 for side in shape):
        raise AssetError(f"the pickle holds an array of shape {shape!r}")
    return math.prod(shape)


def _checked_bytes(values: object, shape: object, dtype: np.dtype[Any]) -> bytes:
    # Python-2 pickles hold bytes as text; read as latin1 it is the same bytes.
    raw = values.encode("latin1") if isinstance(values, str) else values
    expected = _num_elements(shape) * dtype.itemsize
    if not isinstance(raw, bytes | bytearray) or len(raw) != expected:
        raise AssetError(f"the pickle holds an array whose bytes do not fill {shape} of {dtype}")
    return bytes(raw)


def to_array(value: object, name: str) -> Array:
    """A dense array of numbers from an array, a list, a sparse matrix or a chumpy object.

    Args:
        value: From `restricted_load`.
        name: The value's name in the file, for the message.

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
    # `Ch` keeps a number in `x`; `Select` and `transpose` keep the object that they reorder in `a`.
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
