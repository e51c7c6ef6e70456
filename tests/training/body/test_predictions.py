import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import InvalidInputError
from training.body.predictions import read_predictions

CSV = """\
batch,subject,frame,beta_0,beta_1
maleBatch001,0000,,0.5,-1
maleBatch001,0000,7,2,3
femaleBatch002,0012,3,0,1e-1
"""
EXPECTED = {
    "maleBatch001/0000": [0.5, -1],
    "maleBatch001/0000/7": [2, 3],
    "femaleBatch002/0012/3": [0, 0.1],
}


def _savez(path: Path, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


def _write(folder: Path, suffix: str) -> Path:
    path = folder / f"predictions{suffix}"
    if suffix == ".csv":
        path.write_text(CSV)
    elif suffix == ".json":
        path.write_text(json.dumps(EXPECTED))
    else:
        _savez(path, {name: np.array(betas) for name, betas in EXPECTED.items()})
    return path


@pytest.mark.parametrize("suffix", [".csv", ".json", ".npz"])
def test_every_form_of_file_says_the_same(tmp_path: Path, suffix: str) -> None:
    predictions = read_predictions(_write(tmp_path, suffix))
    assert {name: betas.tolist() for name, betas in predictions.betas.items()} == EXPECTED


def test_a_frame_s_own_prediction_goes_before_its_subject_s(tmp_path: Path) -> None:
    predictions = read_predictions(_write(tmp_path, ".csv"))
    assert predictions.name_for("maleBatch001", "0000", 7) == "maleBatch001/0000/7"
    assert predictions.name_for("maleBatch001", "0000", 8) == "maleBatch001/0000"
    assert predictions.name_for("femaleBatch002", "0012", 3) == "femaleBatch002/0012/3"
    assert predictions.name_for("femaleBatch002", "0012", 4) is None


def test_frame_numbers_may_have_leading_zeros(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text('{"maleBatch001/0000/0007": [1]}')
    assert read_predictions(path).name_for("maleBatch001", "0000", 7) is not None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.txt", b"", "csv"),
        ("p.json", b"{", "JSON"),
        ("p.json", b"\xff\xfe", "JSON"),
        ("p.json", b"[1, 2]", "list"),
        ("p.json", b"{}", "no predictions"),
        ("p.json", b'{"maleBatch001": [1]}', "batch/subject"),
        ("p.json", b'{"a/b/first": [1]}', "batch/subject"),
        ("p.json", b'{"a/b": []}', "a/b"),
        ("p.json", b'{"a/b": [[1, 2]]}', "shape"),
        ("p.json", b'{"a/b": "many"}', "numbers"),
        ("p.json", b'{"a/b": [NaN]}', "finite"),
        ("p.json", b'{"a/b": [1e300]}', "beyond"),
        ("p.json", b'{"a/b/1": [1], "a/b/01": [2]}', "twice"),
        ("p.csv", b"", "CSV"),
        ("p.csv", b"batch,subject\na,b\n", "beta_0"),
        ("p.csv", b"batch,subject,beta_0,beta_2\na,b,1,2\n", "in order"),
        ("p.csv", b"subject,beta_0\nb,1\n", "lacks the columns batch"),
        ("p.csv", b"batch,subject,beta_0\na,b,\n", "numbers"),
        ("p.csv", b"batch,subject,beta_0\na,b,1\na,b,2\n", "twice"),
        ("p.csv", b"batch,subject,beta_0\n", "no predictions"),
        ("p.npz", b"PK\x03\x04 cut off", "NPZ"),
        ("p.npz", b"", "NPZ"),
    ],
)
def test_what_cannot_be_used_is_said(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInputError, match=message):
        read_predictions(tmp_path / name)


def test_arrays_that_need_unpickling_are_refused(tmp_path: Path) -> None:
    _savez(tmp_path / "p.npz", {"a/b": np.array([print], dtype=object)})
    with pytest.raises(InvalidInputError, match="NPZ"):
        read_predictions(tmp_path / "p.npz")


def test_too_many_betas_are_refused(tmp_path: Path) -> None:
    _savez(tmp_path / "p.npz", {"a/b": np.zeros(301)})
    with pytest.raises(InvalidInputError, match="300"):
        read_predictions(tmp_path / "p.npz")


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_predictions(tmp_path / "none.csv")
