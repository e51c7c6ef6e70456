import copyreg
import os
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from model.errors import AssetError
from training.assets import unpickler
from training.assets.unpickler import restricted_load


class _Call:
    """Pickles as a call."""

    def __init__(self, function: object, *args: object) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def _named(module: str, name: str, arguments: bytes = b")") -> bytes:
    """A call by name, in protocol 4, where names may have dots."""
    texts = b"".join(b"\x8c" + bytes([len(t)]) + t for t in (module.encode(), name.encode()))
    return b"\x80\x04" + texts + b"\x93" + arguments + b"R."


@pytest.mark.parametrize("protocol", range(6))
def test_a_call_is_refused_by_name_before_it_runs(tmp_path: Path, protocol: int) -> None:
    trace = tmp_path / "trace"
    hostile = {
        f"{os.system.__module__}.system": _Call(os.system, f"touch {trace}"),
        r"(__builtin__|builtins)\.eval": _Call(eval, f"open({str(trace)!r}, 'w')"),
        r"numpy\.\S*fromfile": _Call(np.fromfile, str(trace)),
    }
    for name, payload in hostile.items():
        path = tmp_path / "asset.pkl"
        path.write_bytes(pickle.dumps({"v_template": payload}, protocol))
        with pytest.raises(AssetError, match=name):
            restricted_load(path)
        assert not trace.exists()


def test_an_array_whose_reduction_calls_another_function_is_refused(
    load: Callable[[bytes], Any], tmp_path: Path
) -> None:
    trace = tmp_path / "trace"

    class Hostile(np.ndarray[Any, Any]):
        def __reduce__(self) -> Any:
            rebuild, args, state = tuple(super().__reduce__())
            return rebuild, (_Call(eval, f"open({str(trace)!r}, 'w')"), *args[1:]), state

    with pytest.raises(AssetError, match="eval"):
        load(pickle.dumps(np.zeros(3).view(Hostile), 4))
    assert not trace.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("numpy", "dtype.__class__"),
        ("numpy.core.multiarray", "fromstring"),
        ("numpy.testing._private.utils", "runstring"),
        ("collections", "OrderedDict.__init__"),
        ("collections", "defaultdict"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("builtins", "bytearray"),
        ("copyreg", "add_extension"),
        ("scipy.sparse._csc", "csc_matrix.__init__"),
        ("scipy.sparse", "load_npz"),
        ("chumpyx", "Ch"),
        ("training.assets.unpickler", "restricted_load"),
    ],
)
def test_a_name_that_is_not_on_the_list_is_refused(
    load: Callable[[bytes], Any], module: str, name: str
) -> None:
    with pytest.raises(AssetError, match=f"{module}.{name}"):
        load(_named(module, name))


@pytest.mark.parametrize(
    "data",
    [
        # An array rebuilt as something else, and one of a type that holds pointers.
        pickle.dumps(_Call(np.zeros(1).__reduce__()[0], set, (0,), b"b"), 4),
        pickle.dumps(np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]), 2),
        pickle.dumps(np.zeros(2, dtype="V8"), 2),
        pickle.dumps(np.zeros(2, dtype="M8[s]"), 2),
        # chumpy's holder called with arguments, and bytes() asked for a terabyte.
        _named("chumpy.ch", "Ch", b"\x8c\x01x\x85"),
        _named("builtins", "bytes", b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85"),
        # codecs that decode something else.
        _named("_codecs", "encode", b"\x8c\x01x\x8c\x03zip\x86"),
        _named("copyreg", "_reconstructor", b"\x8c\x01x\x8c\x03zip\x86"),
    ],
)
def test_an_allowed_name_with_other_arguments_is_refused(
    load: Callable[[bytes], Any], data: bytes
) -> None:
    with pytest.raises(AssetError):
        load(data)


def test_raw_bytes_are_never_followed_as_pointers(load: Callable[[bytes], Any]) -> None:
    """The flags in a dtype's state make numpy treat numbers as objects; they must be ignored."""
    good = pickle.dumps(np.array([1.0, 2.0]), 2)
    flags = good.index(b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t") + 10
    forged = good[: flags + 1] + b"\x3f" + good[flags + 2 :]
    assert forged[flags : flags + 2] == b"K\x3f"
    loaded = load(forged)
    assert not loaded.dtype.hasobject
    np.testing.assert_array_equal(loaded, [1.0, 2.0])


def test_an_array_larger_than_its_bytes_is_refused(load: Callable[[bytes], Any]) -> None:
    good = pickle.dumps(np.zeros(7, np.int8), 2)
    for size in (b"K\x08", b"K\x06", b"J\xff\xff\xff\x7f", b"J\xff\xff\xff\xff"):
        with pytest.raises(AssetError, match=r"fill|shape"):
            load(good.replace(b"K\x07", size))


def test_sparse_indices_beyond_the_matrix_are_refused(load: Callable[[bytes], Any]) -> None:
    matrix = scipy.sparse.csc_matrix(np.eye(3))
    for name, value in (("indices", [0, 1, 99]), ("indptr", [0, 1, 2, 9]), ("_shape", (1, 1))):
        bad = matrix.copy()
        setattr(bad, name, np.array(value, np.int32) if name != "_shape" else value)
        loaded = load(pickle.dumps(bad, 4))
        with pytest.raises(AssetError, match="csc_matrix"):
            loaded.to_array()


def test_a_sparse_matrix_that_would_fill_the_memory_is_refused(
    load: Callable[[bytes], Any],
) -> None:
    loaded = load(pickle.dumps(scipy.sparse.coo_matrix((10**6, 10**6)), 4))
    with pytest.raises(AssetError, match="shape"):
        loaded.to_array()


@pytest.fixture
def registered_extension() -> Iterator[int]:
    copyreg.add_extension("os", "system", 240)
    yield 240
    copyreg.remove_extension("os", "system", 240)


def test_the_extension_registry_is_out_of_reach(
    load: Callable[[bytes], Any], registered_extension: int
) -> None:
    for opcode in (b"\x82\xf0", b"\x83\xf0\x00", b"\x84\xf0\x00\x00\x00"):
        with pytest.raises(AssetError, match="extension registry"):
            load(b"\x80\x02" + opcode + b".")


@pytest.mark.parametrize("data", [b"Pname\n.", b"K\x01Q.", b"\x80\x05\x97."])
def test_what_lies_outside_the_file_is_out_of_reach(
    load: Callable[[bytes], Any], data: bytes
) -> None:
    with pytest.raises(AssetError, match=r"persistent|buffer"):
        load(data)


def test_a_memo_larger_than_the_file_is_refused(load: Callable[[bytes], Any]) -> None:
    for put in (b"r" + struct.pack("<I", 2**31), b"p2147483648\n"):
        with pytest.raises(AssetError, match="numbers an object"):
            load(b"K\x01" + put + b".")


def test_a_file_over_the_limits_is_refused(
    load: Callable[[bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pickle.dumps(list(range(100)), 2)
    monkeypatch.setattr(unpickler, "MAX_OPCODES", 50)
    with pytest.raises(AssetError, match="more than 50 opcodes"):
        load(data)
    monkeypatch.setattr(unpickler, "MAX_BYTES", 10)
    with pytest.raises(AssetError, match="at most 10 are read"):
        load(data)


def test_nothing_that_a_pickle_does_to_the_allowed_types_stays(
    load: Callable[[bytes], Any],
) -> None:
    state = b"N}\x8c\x0b__doc____xx\x8c\x01xs\x86b."
    for module, name in (
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("_codecs", "encode"),
        ("builtins", "object"),
        ("builtins", "set"),
        ("collections", "OrderedDict"),
    ):
        named = _named(module, name)[: -len(b")R.")]
        with pytest.raises(AssetError):
            load(named + state)
    np.testing.assert_array_equal(load(pickle.dumps(np.arange(3), 2)), [0, 1, 2])


@pytest.mark.parametrize("cut", [0, 1, 5, 60, -1])
def test_a_truncated_pickle_is_refused(load: Callable[[bytes], Any], cut: int) -> None:
    data = pickle.dumps({"v_template": np.zeros((5, 3))}, 2)
    with pytest.raises(AssetError, match=r"asset\.pkl"):
        load(data[:cut])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "is not a readable pickle"),
        (b"}."[1:], "is not a readable pickle"),
        (b"please log in first", "it begins with b'please log in first'"),
        (b"<!DOCTYPE html><title>Sign in</title>", "is a web page or XML"),
        (b"\xef\xbb\xbf\r\n<HTML>", "is a web page or XML"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a Git LFS pointer"),
        (b"\x1f\x8b\x08", "is compressed with gzip; unpack it first"),
        (b"PK\x03\x04", "is a ZIP archive"),
        (b"\x93NUMPY\x01\x00", "is a NumPy array"),
        (b'{"betas": [1]}', "is JSON"),
    ],
)
def test_another_kind_of_file_is_refused_by_its_kind(
    load: Callable[[bytes], Any], data: bytes, kind: str
) -> None:
    with pytest.raises(AssetError, match=kind):
        load(data)


@pytest.mark.parametrize("protocol", range(6))
def test_no_pickle_is_taken_for_another_kind_of_file(
    load: Callable[[bytes], Any], protocol: int
) -> None:
    values: tuple[Any, ...] = ({"a": 1}, [], "text", None, 3, np.arange(3))
    for value in values:
        np.testing.assert_equal(load(pickle.dumps(value, protocol)), value)


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
def test_damaged_bytes_never_raise_anything_else(load: Callable[[bytes], Any]) -> None:
    data = bytearray(pickle.dumps({"a": np.arange(4.0), "b": {1}, "c": ["x", 2.5, None]}, 2))
    random = np.random.default_rng(0)
    num_refused = 0
    for _ in range(2000):
        damaged = bytearray(data)
        for position in random.integers(0, len(data), 3):
            damaged[position] = random.integers(0, 256)
        try:
            load(bytes(damaged))
        except AssetError:
            num_refused += 1
    assert num_refused > 500
