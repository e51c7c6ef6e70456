"""The one restricted unpickler, for body assets and ground truth that exist only as pickles.

It goes through the bytes twice. The first pass executes nothing: it reads the opcodes, refuses the
extension registry, and refuses memo numbers that exceed the file's size. The second pass is
Python's unpickler with a closed list of names, each bound to a type of
`training.assets.pickled_types`. Any other name is refused before it is imported.
"""

import collections
import io
import pickle
import pickletools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.errors import AssetError
from training.assets.pickled_types import (
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

_BY_CODE = {opcode.code.encode("latin1"): opcode for opcode in pickletools.opcodes}
_LENGTH_BYTES = {
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_OTHER_FILES = (
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
    (b"PK", "a ZIP archive (or an .npz file); unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it first"),
    (b"<", "a web page or XML, such as a login page"),
    (b"version https://git-lfs", "a Git LFS pointer; `git lfs pull` fetches the file"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"{", "JSON"),
)
"""Kinds of files that users give by mistake, by their first bytes."""
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

    Plain containers, numbers and text are returned as themselves, arrays as (a subclass of)
    `numpy.ndarray`, sparse matrices and chumpy objects as types of
    `training.assets.pickled_types`.

    Raises:
        FileNotFoundError: There is no such file.
        AssetError: The file is no pickle, or asks for something that is not on the list.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    if (size := path.stat().st_size) > MAX_BYTES:
        raise AssetError(f"{path.name} has {size:,} bytes; at most {MAX_BYTES:,} are read")
    data = path.read_bytes()
    start = data[:40].removeprefix(b"\xef\xbb\xbf").lstrip()
    if kind := next((kind for first, kind in _OTHER_FILES if start.startswith(first)), None):
        raise AssetError(f"{path.name} is {kind}; a pickle (.pkl) is needed")
    try:
        _inspect(data)
        return _RestrictedUnpickler(io.BytesIO(data), encoding="latin1").load()
    except AssetError as error:
        raise AssetError(f"{path.name} is refused: {error}") from error
    except (
        # The exceptions that damaged pickles raise have no common base class.
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
        raise AssetError(
            f"{path.name} is not a readable pickle: {error}; it begins with {data[:40]!r}"
        ) from error


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
    for num_opcodes, (name, argument) in enumerate(_walk_opcodes(data), start=1):
        if name.startswith("EXT"):
            raise AssetError(f"it uses the extension registry ({name})")
        if num_opcodes > MAX_OPCODES:
            raise AssetError(f"it has more than {MAX_OPCODES:,} opcodes")
        if name.endswith("PUT"):
            number = int(argument) if name == "PUT" else int.from_bytes(argument, "little")
            # The unpickler allocates its memo up to the largest number.
            if number > len(data):
                raise AssetError(
                    f"it numbers an object {number:,} in a file of {len(data):,} bytes"
                )


def _walk_opcodes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and raw argument of each opcode up to STOP, without decoding anything.

    `pickletools.genops` decodes text and fails on the bytes that Python 2 wrote as text.

    Raises:
        ValueError: The data ends early, or holds a byte that is not an opcode.
    """
    position, name = 0, ""
    while name != "STOP":
        opcode = _BY_CODE.get(data[position : position + 1])
        if opcode is None:
            found = data[position : position + 1] or "the end"
            raise ValueError(f"{found!r} at byte {position} is not an opcode")
        name = opcode.name
        start, end = _argument_span(data, position + 1, opcode)
        if end > len(data):
            raise ValueError(f"the argument of {name} at byte {position} is cut off")
        yield name, data[start:end]
        position = end


def _argument_span(data: bytes, at: int, opcode: pickletools.OpcodeInfo) -> tuple[int, int]:
    if opcode.arg is None:
        return at, at
    if opcode.arg.n >= 0:
        return at, at + opcode.arg.n
    if opcode.arg.n == pickletools.UP_TO_NEWLINE:
        end = at
        for _ in range(2 if opcode.name in ("GLOBAL", "INST") else 1):
            end = data.find(b"\n", end) + 1 or len(data) + 1
        return at, end
    start = at + _LENGTH_BYTES[opcode.arg.n]
    return start, start + int.from_bytes(data[at:start], "little")
