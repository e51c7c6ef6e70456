"""Quantization with NNCF; skipped where that is not installed."""

from pathlib import Path

import pytest
import torch

from model.backend.quantized import load_quantized, quantized_path
from model.checkpoint import CheckpointHeader, TrainingPart, load_header
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import SilhouettePredictor, save_silhouette_checkpoint
from training.__main__ import main


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
    assert main([*words.split(), "--people", "2"]) == 0
    quantized = load_quantized(checkpoint, load_header(checkpoint).sha256).header
    assert quantized.licence == "Apache-2.0"
    assert len(quantized.lineage) == 2
    measured = quantized.metrics
    assert measured["loss_of_iou"] == measured["iou_float32"] - measured["iou_int8"]
    assert 0 < measured["mean_difference"] < 0.05
    assert quantized_path(checkpoint).name == "silhouette.int8.safetensors"
    assert SilhouettePredictor.from_checkpoint(checkpoint, "cpu", "int8").header is not None
