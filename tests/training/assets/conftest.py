"""Pickles as Python 2 wrote them, chumpy objects included, without Python 2 and without chumpy."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from model.skeletons import SMPL_24_PARENTS
from training.assets.unpickler import restricted_load

NUM_VERTICES = 40


@dataclass(frozen=True)
class Foreign:
    """An object of a package that is not here: its class by name, and its state."""

    module: str
    name: str
    state: dict[str, Any]


def python2_pickle(value: object, protocol: int) -> bytes:
    """Protocol 0 (text, as `pickle.dump(x, f)` wrote) or 2 (binary), opcode by opcode."""
    assert protocol in (0, 2)
    return (b"\x80\x02" if protocol == 2 else b"") + _Python2(protocol == 2).write(value) + b"."


class _Python2:
    def __init__(self, binary: bool) -> None:
        self.binary = binary

    def write(self, value: Any) -> bytes:
        match value:
            case None:
                return b"N"
            case bool() | int() | np.integer():
                return self.integer(int(value))
            case str() | bytes():
                return self.text(value.encode("latin1") if isinstance(value, str) else value)
            case tuple():
                return b"(" + b"".join(map(self.write, value)) + b"t"
            case list():
                return b"(l" + b"".join(self.write(item) + b"a" for item in value)
            case dict():
                items = (self.write(k) + self.write(v) + b"s" for k, v in value.items())
                return b"(d" + b"".join(items)
            case set():
                return b"c__builtin__\nset\n" + self.write((sorted(value),)) + b"R"
            case np.ndarray():
                return self.array(value)
            case scipy.sparse.csc_matrix():
                parts = {name: getattr(value, name) for name in ("indices", "indptr", "data")}
                state = {"_shape": value.shape, "maxprint": 50, **parts}
                return self.write(Foreign("scipy.sparse.csc", "csc_matrix", state))
            case Foreign():
                return self.foreign(value)
        raise TypeError(type(value))

    def integer(self, value: int) -> bytes:
        if self.binary and -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        return b"L%dL\n" % value

    def text(self, value: bytes) -> bytes:
        if self.binary:
            return b"T" + struct.pack("<i", len(value)) + value
        return b"S" + repr(value)[1:].encode() + b"\n"

    def array(self, value: np.ndarray) -> bytes:
        kind = value.dtype.str[1:]
        dtype = (
            b"cnumpy\ndtype\n"
            + self.write((kind, 0, 1))
            + b"R"
            + self.write((3, "<", None, None, None, -1, -1, 0))
            + b"b"
        )
        fortran = not value.flags.c_contiguous
        state = b"(" + self.write(1) + self.write(value.shape) + dtype
        state += self.write(fortran) + self.text(value.tobytes("F" if fortran else "C")) + b"t"
        empty = b"(cnumpy\nndarray\n" + self.write((0,)) + self.text(b"b") + b"t"
        return b"cnumpy.core.multiarray\n_reconstruct\n" + empty + b"R" + state + b"b"

    def foreign(self, value: Foreign) -> bytes:
        named = b"c" + value.module.encode() + b"\n" + value.name.encode() + b"\n"
        if self.binary:
            new = named + b")\x81"
        else:
            new = b"ccopy_reg\n_reconstructor\n(" + named + b"c__builtin__\nobject\nNtR"
        return new + self.write(value.state) + b"b"


@pytest.fixture
def load(tmp_path: Path) -> Callable[[bytes], Any]:
    path = tmp_path / "asset.pkl"

    def write_and_load(data: bytes) -> Any:
        path.write_bytes(data)
        return restricted_load(path)

    return write_and_load


@pytest.fixture
def write_python2() -> Callable[[object, int], bytes]:
    return python2_pickle


@pytest.fixture
def chumpy() -> Callable[..., Foreign]:
    """Make a chumpy object: its module and class, then its state."""

    def make(path: str, **state: object) -> Foreign:
        module, _, name = path.rpartition(".")
        # What chumpy keeps besides the numbers.
        bookkeeping = {"_dirty_vars": {"x"}, "_itr": None, "_status": "new"}
        return Foreign(module, name, {**bookkeeping, **state})

    return make


@pytest.fixture
def smpl() -> dict[str, Any]:
    """A small body under the names, types and conventions of the SMPL files."""
    random = np.random.default_rng(3)
    weights = random.random((NUM_VERTICES, 24)) ** 8
    regressor = random.random((24, NUM_VERTICES)) * (random.random((24, NUM_VERTICES)) > 0.7)
    regressor[:, 0] += 0.1
    parents = np.array(SMPL_24_PARENTS, dtype=np.int64)
    parents[0] = 2**32 - 1
    return {
        "v_template": random.normal(size=(NUM_VERTICES, 3)),
        "shapedirs": random.normal(size=(NUM_VERTICES, 3, 10)),
        "posedirs": np.asfortranarray(random.normal(size=(NUM_VERTICES, 3, 207))),
        "J_regressor": scipy.sparse.csc_matrix(regressor / regressor.sum(1, keepdims=True)),
        "weights": weights / weights.sum(1, keepdims=True),
        "kintree_table": np.stack([parents, np.arange(24)]).astype(np.uint32),
        "f": random.integers(0, NUM_VERTICES, (30, 3)).astype(np.uint32),
        "J": random.normal(size=(24, 3)),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
        "pose_training_info": {"number_of_poses": 1786, "names": ["a", "b"]},
    }
