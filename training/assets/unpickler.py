"""The one restricted unpickler, for body assets and ground truth that exist only as pickles.

Two passes over the bytes. The first executes nothing: it reads the opcodes and refuses those that
look callables up elsewhere than by name, and sizes that have nothing to do with the file's. The
second runs Python's unpickler with a closed list of names, each bound to an inert stand-in; any
other name is refused before it is imported.
"""

import collections
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model.errors import AssetError
from training.assets.file_kind import foreign_kind, text_beginning
from training.assets.opcodes import walk_opcodes
from training.assets.stand_ins import (
    Opaque,
    PickledArray,
    PickledChumpy,
    PickledDtype,
    PickledSparse,
    Reducer,
    encode,
    from_buffer,
    no_bytes,
    rebuild,
    reconstruct,
    scalar,
)

MAX_BYTES = 2**29
"""SMPL v1.1.0 with its 300 betas is 0.25 GB."""
MAX_OPCODES = 5_000_000
"""A body asset has some hundreds; its arrays are one each."""

_REFUSED_OPCODES = {
    "EXT1": "the extension registry",
    "EXT2": "the extension registry",
    "EXT4": "the extension registry",
    "PERSID": "a persistent id",
    "BINPERSID": "a persistent id",
    "NEXT_BUFFER": "a buffer outside the file",
    "READONLY_BUFFER": "a buffer outside the file",
}
_PUT: dict[str, Callable[[bytes], int]] = {
    "PUT": int,
    "BINPUT": lambda argument: int.from_bytes(argument, "little"),
    "LONG_BINPUT": lambda argument: int.from_bytes(argument, "little"),
}
_ALLOWED: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): PickledDtype,
    ("_codecs", "encode"): Reducer(encode),
    ("collections", "OrderedDict"): collections.OrderedDict,
    **{
        (module, name): stand_in
        for root in ("numpy.core", "numpy._core")
        for module, name, stand_in in (
            (f"{root}.multiarray", "_reconstruct", Reducer(reconstruct)),
            (f"{root}.multiarray", "scalar", Reducer(scalar)),
            (f"{root}.numeric", "_frombuffer", Reducer(from_buffer)),
        )
    },
    **{
        (module, name): stand_in
        for module in ("__builtin__", "builtins")
        for name, stand_in in (
            ("set", set),
            ("frozenset", frozenset),
            ("object", Opaque),
            ("bytes", Reducer(no_bytes)),
        )
    },
    **{(module, "_reconstructor"): Reducer(rebuild) for module in ("copy_reg", "copyreg")},
}
_SPARSE = {
    (module, f"{kind}_{form}")
    for kind in ("csc", "csr", "coo")
    for form in ("matrix", "array")
    for module in (f"scipy.sparse.{kind}", f"scipy.sparse._{kind}")
}


def restricted_load(path: Path) -> object:
    """Read a pickle of Python 2 or 3 that may come from anybody.

    Plain containers, numbers and text come back as themselves, arrays as (a subclass of)
    `numpy.ndarray`, sparse matrices and chumpy objects as the holders of
    `training.assets.stand_ins`.

    Raises:
        FileNotFoundError: There is no such file.
        AssetError: The file is no pickle, or asks for something that is not on the list.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    if (size := path.stat().st_size) > MAX_BYTES:
        raise AssetError(f"{path.name} has {size:,} bytes; at most {MAX_BYTES:,} are read")
    data = path.read_bytes()
    if kind := foreign_kind(data):
        raise AssetError(f"{path.name} is {kind}; a pickle (.pkl) is needed")
    try:
        _inspect(data)
        return _RestrictedUnpickler(io.BytesIO(data), encoding="latin1").load()
    except AssetError as error:
        raise AssetError(f"{path.name} is refused: {error}") from error
    except (
        # What pickle's own documentation and a damaged stream can raise; there is no common base.
        pickle.UnpicklingError,
        ArithmeticError,
        AttributeError,
        EOFError,
        LookupError,
        MemoryError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        if text := text_beginning(data):
            raise AssetError(
                f"{path.name} is text that begins with {text!r}, or a damaged pickle; a pickle "
                "(.pkl) is needed"
            ) from error
        raise AssetError(f"{path.name} is not a readable pickle: {error}") from error


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if (module, name) in _SPARSE:
            return _holder(PickledSparse, f"{module}.{name}")
        if module.split(".")[0] == "chumpy":
            return _holder(PickledChumpy, f"{module}.{name}")
        raise AssetError(
            f"it asks for {module}.{name}; only numpy arrays, scipy.sparse matrices and chumpy "
            "objects are read"
        )


def _holder(base: type[Opaque], path: str) -> type[Opaque]:
    # A class of its own for each name and each load: nothing that a pickle does to it can stay.
    return type(base.__name__, (base,), {"path": path})


def _inspect(data: bytes) -> None:
    for num_opcodes, (name, argument) in enumerate(walk_opcodes(data), start=1):
        if name in _REFUSED_OPCODES:
            raise AssetError(f"it uses {_REFUSED_OPCODES[name]} ({name})")
        if num_opcodes > MAX_OPCODES:
            raise AssetError(f"it has more than {MAX_OPCODES:,} opcodes")
        if name in _PUT and (number := _PUT[name](argument)) > len(data):
            # The unpickler allocates its memo up to the largest number.
            raise AssetError(f"it numbers an object {number:,} in a file of {len(data):,} bytes")
