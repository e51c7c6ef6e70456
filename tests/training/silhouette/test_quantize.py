"""Quantization with NNCF; skipped where that is not installed."""

from pathlib import Path

import pytest
import torch

from model.backend.quantized import load_quantized, quantized_path
from model.checkpoint import CheckpointHeader, TrainingPart, load_header
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import SilhouettePredictor, save_silhouette_checkpoint
from training.__main__ import main
from training.reporting.int8_quality import recorded_quality


def test_a_quantized_network_says_almost_the_same_and_what_it_loses(
    tmp_path: Path, ccp_folder: Path
) -> None:
    pytest.importorskip("nncf")
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    torch.nn.init.constant_(network.outputs[0].bias, 0.5)  # type: ignore[arg-type]
    checkpoint = tmp_path / "silhouette.safetensors"
    header = CheckpointHeader("", {}, (TrainingPart({}, "", "", 0),), {}, "Apache-2.0")
    save_silhouette_checkpoint(checkpoint, network, 64, header)
    words = f"quantize silhouette --checkpoint {checkpoint} --ccp {ccp_folder} --photos 2"
    assert main([*words.split(), "--subjects", "2", "--frames", "1", "--limit", "2"]) == 0
    quantized = load_quantized(checkpoint, load_header(checkpoint).sha256).header
    assert quantized.licence == "Apache-2.0"
    assert len(quantized.lineage) == 2
    exact, narrow = (quantized.metrics[name] for name in ("float32", "int8"))
    assert quantized.metrics["loss"] == exact["IoU, body"] - narrow["IoU, body"]
    assert 0 < abs(exact["MAE, cloth"] - narrow["MAE, cloth"]) < 0.05
    assert set(exact) == set(narrow)
    assert quantized_path(checkpoint).name == "silhouette.int8.safetensors"
    assert SilhouettePredictor.from_checkpoint(checkpoint, "cpu", "int8").header is not None
    table = recorded_quality(checkpoint)
    assert table is not None
    assert [row[0] for row in table.rows] == ["float32", "int8", "difference"]


def test_a_checkpoint_without_an_int8_network_has_no_quality_of_it(tmp_path: Path) -> None:
    assert recorded_quality(tmp_path / "silhouette.safetensors") is None


def test_photos_to_calibrate_with_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quantize", "silhouette"]) == 1
    assert "name their folder by --ccp" in capsys.readouterr().err
