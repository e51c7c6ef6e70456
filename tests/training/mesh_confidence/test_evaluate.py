import json
from pathlib import Path

import pytest
import torch

from model.checkpoint import CheckpointHeader, TrainingPart, load_header
from model.mesh_confidence.network import MeshConfidenceConfig, build_network
from model.mesh_confidence.predictor import load_network, save_mesh_confidence_checkpoint
from training.__main__ import main
from training.mesh_confidence.data import read_errors
from training.mesh_confidence.metrics import all_metrics, judge_rows

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "made up", 3),), {}, "Apache-2.0")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "mesh_confidence.safetensors"
    network = build_network(MeshConfidenceConfig(members=2, width=8))
    save_mesh_confidence_checkpoint(path, network, HEADER)
    return path


def test_the_report_has_the_metrics_of_every_file_and_judge(
    checkpoint: Path, errors_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "mesh_confidence", "--checkpoint", str(checkpoint)]
    command += ["--data", str(errors_folder), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report.keys() == {"errors, plain", "errors, occluded"}
    network, _ = load_network(checkpoint)
    rows = read_errors(errors_folder / "test.npz")
    expected = all_metrics(judge_rows(network, rows), rows)
    entry = report["errors, plain"]
    assert entry["network"] == pytest.approx(expected)
    assert {"majority", "distance", "deviation"} <= entry.keys()
    assert f"{expected['auroc']:.3f}" in printed
    assert report["errors, occluded"]["trust_falls"]["pictures"] == 400
    assert (tmp_path / "out" / "reliability.png").stat().st_size > 1000


def test_the_validation_split_is_one_sequence_in_five_of_the_training_files(
    checkpoint: Path, errors_folder: Path, tmp_path: Path
) -> None:
    command = ["evaluate", "mesh_confidence", "--checkpoint", str(checkpoint), "--device", "cpu"]
    command += ["--data", str(errors_folder), "--split", "validation"]
    assert main([*command, "--json", str(tmp_path / "report.json")]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    rows = read_errors(errors_folder / "train.npz")
    assert report["errors, plain"]["rows"] == int((rows.sequence % 5 == 2).sum())
    assert main([*command, "--record"]) == 1


def test_recording_writes_the_card_and_leaves_the_tensors(
    checkpoint: Path, errors_folder: Path
) -> None:
    before = load_header(checkpoint)
    command = ["evaluate", "mesh_confidence", "--checkpoint", str(checkpoint), "--device", "cpu"]
    assert main([*command, "--data", str(errors_folder), "--record", "--note", "Be careful."]) == 0
    after = load_header(checkpoint)
    assert after.sha256 == before.sha256
    assert after.metrics["errors, plain"]["rows"] == 400
    card = checkpoint.with_suffix(".md").read_text()
    assert "Be careful." in card
    auroc = after.metrics["errors, plain"]["network"]["auroc"]
    assert f"{auroc:.3f}" in card
    assert "evaluate mesh_confidence --data" in card


def test_a_comparison_trains_every_recipe_with_every_seed_once(
    errors_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipes = Path("training/recipes/mesh_confidence")
    names = ("mesh_classifier", "worst_joint_classifier", "smoke")
    command = ["compare", "mesh_confidence", "--out", str(tmp_path / "out"), "--device", "cpu"]
    command += ["--recipe", *(str(recipes / f"{name}.toml") for name in names)]
    command += ["--seeds", "0", "1", "--steps", "4", "--data", str(errors_folder)]
    assert main(command) == 0
    first = capsys.readouterr().out
    for name in ("mesh_classifier", "worst_joint_classifier", "smoke", "majority", "distance"):
        assert f"| errors, plain | {name} |" in first
    assert "±" in first
    weights = {p: p.read_bytes() for p in sorted(tmp_path.glob("out/*/best.safetensors"))}
    assert len(weights) == 6
    assert main(command) == 0
    assert {p: p.read_bytes() for p in weights} == weights
    assert first.endswith(capsys.readouterr().out)
