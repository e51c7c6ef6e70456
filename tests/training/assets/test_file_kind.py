import gzip
import io
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from model.errors import AssetError


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, poses=np.zeros(3), betas=np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><title>Sign in</title>", "is a web page (HTML)"),
        (b"\xef\xbb\xbf\r\n<HTML>", "is a web page (HTML)"),
        (b"<?xml version='1.0'?>", "is XML"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a pointer of Git LFS"),
        (gzip.compress(b"x" * 100), "is compressed with gzip; unpack it"),
        (zipped("models/basic.pkl", "readme"), "is a ZIP archive; unpack it and give models/basic"),
        (zipped("a.npy")[:30], "is a damaged ZIP archive"),
        (npz(), "is NumPy arrays (.npz): poses, betas"),
        (b"\x93NUMPY\x01\x00", "is a single NumPy array"),
        (b'{"betas": [1]}', "is JSON"),
        (b'\x08\x00\x00\x00\x00\x00\x00\x00{"a": 1}', "is a safetensors file"),
        (b"MATLAB 5.0 MAT-file", "is a MATLAB file"),
        (b"please log in first", "is text that begins with 'please log in first'"),
    ],
    # Archives hold the time: data in names would differ between the processes of a run.
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_message_says_what_the_file_is_and_what_is_needed(
    load: Callable[[bytes], Any], data: bytes, kind: str
) -> None:
    with pytest.raises(AssetError) as caught:
        load(data)
    message = str(caught.value)
    assert message.startswith(f"asset.pkl {kind}")
    assert message.endswith("a pickle (.pkl) is needed")


@pytest.mark.parametrize("protocol", range(6))
def test_no_pickle_is_taken_for_another_kind_of_file(
    load: Callable[[bytes], Any], protocol: int
) -> None:
    values: tuple[Any, ...] = ({"a": 1}, [], "text", None, 3, np.arange(3))
    for value in values:
        np.testing.assert_equal(load(pickle.dumps(value, protocol)), value)
