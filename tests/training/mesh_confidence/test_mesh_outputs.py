import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.checkpoint import CheckpointHeader, TrainingPart
from model.mesh_confidence.features import MeshObservation
from model.mesh_confidence.joints import JOINT_NAMES, to_joints
from model.mesh_confidence.predictor import (
    MeshConfidencePredictor,
    save_mesh_confidence_checkpoint,
)
from training.__main__ import main

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "made up", 3),), {}, "Apache-2.0")


def meshes(number: int = 5, points: int = 49) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    projected = generator.uniform(20, 200, (number, points, 2))
    noisy = projected + generator.normal(0, 5, projected.shape)
    scores = np.full((number, points, 1), 0.8)
    return {"projected": projected, "detected": np.concatenate([noisy, scores], -1)}


@pytest.fixture
def command(tiny_mesh_confidence: MeshConfidencePredictor, tmp_path: Path) -> list[str]:
    path = tmp_path / "judge.safetensors"
    save_mesh_confidence_checkpoint(path, tiny_mesh_confidence.network, HEADER)
    return ["evaluate", "mesh-outputs", "--device", "cpu", "--checkpoint", str(path)]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_npz_and_json_give_what_the_predictor_gives(
    command: list[str],
    tiny_mesh_confidence: MeshConfidencePredictor,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arrays = meshes()
    np.savez(tmp_path / "spin.npz", **arrays)
    lists = {name: array.tolist() for name, array in arrays.items()}
    (tmp_path / "spin.json").write_text(json.dumps(lists))
    each = [{name: array[n] for name, array in lists.items()} for n in range(5)]
    (tmp_path / "list.json").write_text(json.dumps(each))
    printed = []
    for name in ("spin.npz", "spin.json", "list.json"):
        assert main([*command, "--meshes", str(tmp_path / name)]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] == printed[2]
    projected = to_joints(arrays["projected"].astype(np.float32), "p")
    detected = to_joints(arrays["detected"].astype(np.float32), "d")
    items = [MeshObservation(*pair) for pair in zip(projected, detected, strict=True)]
    for row, judged in zip(
        rows_of(printed[0]), tiny_mesh_confidence.predict_batch(items), strict=True
    ):
        assert float(row["trust"]) == pytest.approx(judged.mesh, rel=1e-4)
        assert row["worst"] == JOINT_NAMES[int(judged.worst.argmax())]
        assert float(row["left_knee"]) == pytest.approx(float(judged.joints[4]), rel=1e-4)


def test_with_a_truth_the_judgements_are_measured(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = meshes(points=14)
    truth = arrays["projected"].copy()
    truth[2, 6] += 100  # one bad mesh
    np.savez(tmp_path / "meshes.npz", **arrays, truth=truth)
    out = tmp_path / "trust.csv"
    assert main([*command, "--meshes", str(tmp_path / "meshes.npz"), "--out", str(out)]) == 0
    said = capsys.readouterr().err
    found = json.loads(said[said.index("{") :])
    assert found["meshes"] == 5
    rows = rows_of(out.read_text())
    right = [(float(row["trust"]) > 0.5) == (n != 2) for n, row in enumerate(rows)]
    assert found["accuracy"] == pytest.approx(np.mean(right))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", "3", "neither an object nor a list"),
        ("a.json", '{"projected": [[0, 0]]}', "no detected"),
        ("a.json", '[{"projected": 1}, {"detected": 1}]', "different fields"),
        ("a.json", '{"projected": "x", "detected": "y"}', "no array of numbers"),
        ("a.json", '{"projected": [[[0, 0]]], "detected": [[[0, 0]]]}', "detected has the shape"),
        ("a.npz", "no archive", "cannot be read"),
    ],
)
def test_a_file_of_something_else_is_refused(
    command: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str,
    words: str,
) -> None:
    (tmp_path / name).write_text(content)
    assert main([*command, "--meshes", str(tmp_path / name)]) == 1
    assert words in capsys.readouterr().err


def test_arrays_of_different_numbers_of_meshes_are_refused(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays: dict[str, Any] = meshes()
    np.savez(tmp_path / "a.npz", projected=arrays["projected"][:2], detected=arrays["detected"])
    assert main([*command, "--meshes", str(tmp_path / "a.npz")]) == 1
    assert "2 and 5 meshes" in capsys.readouterr().err
