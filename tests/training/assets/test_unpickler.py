import collections
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from training.assets.pickled_types import PickledSparse
from training.assets.unpickler import restricted_load

ARRAYS = [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
    np.arange(10)[::2],
    np.zeros((0, 3), np.float32),
    np.array(2.5),
    np.array([True, False]),
    np.array([1, 2], ">u2"),
    np.array(["abc", "é"]),
    np.array([b"ab", b"c"]),
    np.array([1, "x", None], dtype=object),
]


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol_come_back(load: Callable[[bytes], Any], protocol: int) -> None:
    loaded = load(pickle.dumps(ARRAYS, protocol))
    for found, expected in zip(loaded, ARRAYS, strict=True):
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype.newbyteorder("=") == expected.dtype.newbyteorder("=")


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_come_back(load: Callable[[bytes], Any], protocol: int) -> None:
    values = {
        "numbers": [1, -(2**70), 2.5, None, True],
        "text": ("é", b"", b"\xff"),
        "sets": [{1, 2}, frozenset({3})],
        "ordered": collections.OrderedDict(b=1, a=2),
        "scalars": [np.float64(0.5), np.int8(-3), np.bool_(True)],
    }
    assert load(pickle.dumps(values, protocol)) == values


def test_numpy_1_names_and_numpy_2_names_are_both_read(load: Callable[[bytes], Any]) -> None:
    # Protocol 2 names callables in lines, without lengths, so names can be replaced.
    data = pickle.dumps([np.arange(3), np.float32(1)], 2)
    neutral = data.replace(b"numpy._core.", b"numpy.core.")
    for root in (b"numpy.core.", b"numpy._core."):
        array, number = load(neutral.replace(b"numpy.core.", root))
        np.testing.assert_array_equal(array, [0, 1, 2])
        assert number == 1


@pytest.mark.parametrize("protocol", [0, 2])
def test_python_2_pickles_are_read(
    load: Callable[[bytes], Any], write_python2: Callable[[object, int], bytes], protocol: int
) -> None:
    matrix = scipy.sparse.csc_matrix(np.diag([1.0, 2.0, 3.0]))
    # Bytes over 127 are what a wrong text encoding would break.
    array = np.array([[1.1, -2.2], [3.3e300, np.pi]])
    loaded = load(write_python2({"array": array, "matrix": matrix, "text": "lbs"}, protocol))
    np.testing.assert_array_equal(loaded["array"], array)
    np.testing.assert_array_equal(loaded["matrix"].to_array(), matrix.toarray())
    assert loaded["text"] == "lbs"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "form",
    [
        scipy.sparse.csc_matrix,
        scipy.sparse.csr_matrix,
        scipy.sparse.coo_matrix,
        scipy.sparse.csc_array,
        scipy.sparse.csr_array,
        scipy.sparse.coo_array,
    ],
)
def test_sparse_matrices_come_back_dense(
    load: Callable[[bytes], Any], form: Callable[[np.ndarray], object], protocol: int
) -> None:
    random = np.random.default_rng(0)
    dense = random.random((4, 7)) * (random.random((4, 7)) > 0.5)
    loaded = load(pickle.dumps(form(dense), protocol))
    assert isinstance(loaded, PickledSparse)
    np.testing.assert_array_equal(loaded.to_array(), dense)


def test_chumpy_objects_become_holders(
    load: Callable[[bytes], Any],
    write_python2: Callable[[object, int], bytes],
    chumpy: Callable[..., object],
) -> None:
    loaded = load(write_python2(chumpy("chumpy.ch.Ch", x=np.ones(2)), 2))
    assert loaded.path == "chumpy.ch.Ch"
    np.testing.assert_array_equal(loaded.state["x"], [1, 1])


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        restricted_load(tmp_path / "none.pkl")
    with pytest.raises(FileNotFoundError):
        restricted_load(tmp_path)
