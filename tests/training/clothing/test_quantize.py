"""Quantization with NNCF; skipped where that is not installed."""

from pathlib import Path

import pytest
import torch

from model.backend.quantized import load_quantized
from model.checkpoint import CheckpointHeader, TrainingPart, load_header
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import ClothingPredictor, save_clothing_checkpoint
from training.__main__ import main


def test_a_quantized_network_says_how_much_accuracy_it_loses(
    tmp_path: Path, clothing_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nncf")
    torch.manual_seed(0)
    network = ClothingNetwork(ClothingConfig(network="unet", widths=(8, 16)))
    checkpoint = tmp_path / "clothing.safetensors"
    header = CheckpointHeader("", {}, (TrainingPart({}, "", "", 0),), {}, "Apache-2.0")
    save_clothing_checkpoint(checkpoint, network, 64, header)
    words = f"quantize clothing --checkpoint {checkpoint} --ccp {clothing_folder} --photos 2"
    assert main([*words.split(), "--limit", "2"]) == 0
    metrics = load_quantized(checkpoint, load_header(checkpoint).sha256).header.metrics
    name = "pixel accuracy, fine labels"
    assert metrics["loss"] == metrics["float32"][name] - metrics["int8"][name]
    assert name in capsys.readouterr().out
    assert ClothingPredictor.from_checkpoint(checkpoint, "cpu", "int8").header is not None
