"""Converted models are kept for the next start."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model.backend import conversion
from model.backend.conversion import cache_folder, converted
from model.backend.mapped_model import MappedModel
from model.backend.openvino_library import load_openvino

SIDE = 8


class Scaled(nn.Module):
    def __init__(self, factor: float, offset: int = 0) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor), requires_grad=False)
        self.offset = offset

    def forward(self, images: Tensor) -> Tensor:
        return images * self.factor + self.offset


def says(found: MappedModel) -> float:
    """What a model makes of ones."""
    compiled = load_openvino().compile_model(found.model, "CPU")
    return float(compiled(np.ones((1, 3, 8, 8), np.float32))[0][0, 0, 0, 0])


def test_a_model_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert says(converted(Scaled(2.0), SIDE, tmp_path)) == 2
    monkeypatch.setattr(conversion, "_convert", lambda *_: pytest.fail("converted again"))
    assert says(converted(Scaled(2.0), SIDE, tmp_path)) == 2


def test_other_weights_and_other_layers_are_other_models(tmp_path: Path) -> None:
    modules = (Scaled(2.0), Scaled(3.0), Scaled(2.0, 1))
    assert [says(converted(module, SIDE, tmp_path)) for module in modules] == [2, 3, 3]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_damaged_file_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    converted(Scaled(2.0), SIDE, tmp_path)
    [path] = tmp_path.rglob("model.xml")
    path.write_text("<net")
    with caplog.at_level(logging.WARNING):
        assert says(converted(Scaled(2.0), SIDE, tmp_path)) == 2
    assert "is made again" in caplog.text
    assert path.read_text() != "<net"


def test_a_folder_that_cannot_be_written_to_keeps_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert says(converted(Scaled(2.0), SIDE, file / "cache")) == 2
    assert file.read_bytes() == b""


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/habitus/openvino")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # of a user without a home
    assert cache_folder() is None
    assert says(converted(Scaled(2.0), SIDE, None)) == 2


def test_the_oldest_models_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "MAX_KEPT", 2)
    for factor in (1.0, 2.0, 3.0):
        converted(Scaled(factor), SIDE, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
