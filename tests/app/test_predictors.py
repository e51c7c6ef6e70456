from pathlib import Path

import pytest
import torch

from app.predictors import CapabilityMissingError, Predictors, resolve_device
from app.settings import ConfigurationError, Settings
from model.checkpoint import CheckpointHeader
from model.errors import CheckpointError
from model.silhouette.predictor import SilhouettePredictor, save_silhouette_checkpoint

HEADER = CheckpointHeader("", {}, "nothing", {"iou": 0.5}, {}, "abc", "Apache-2.0")


@pytest.fixture
def folder(tmp_path: Path, tiny_silhouette: SilhouettePredictor) -> Path:
    """A folder with a silhouette checkpoint and nothing else."""
    path = tmp_path / "silhouette.safetensors"
    save_silhouette_checkpoint(path, tiny_silhouette.network, 64, HEADER)
    return tmp_path


def test_a_checkpoint_that_is_there_is_loaded_and_one_that_is_not_is_left_out(folder: Path) -> None:
    predictors = Predictors.load(Settings(checkpoints=folder, device="cpu"))
    assert predictors.need_silhouette().input_size == 64
    with pytest.raises(CapabilityMissingError, match="python -m training assets body"):
        predictors.need_body()
    silhouette, body = predictors.statuses()
    assert (silhouette.loaded, silhouette.device, body.loaded) == (True, "cpu", False)
    assert silhouette.header is not None
    assert silhouette.header.metrics == {"iou": 0.5}


def test_a_damaged_checkpoint_stops_the_start(folder: Path) -> None:
    path = folder / "silhouette.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"silhouette\.safetensors is damaged"):
        Predictors.load(Settings(checkpoints=folder, device="cpu"))


def test_a_missing_folder_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder"):
        Predictors.load(Settings(checkpoints=tmp_path / "nowhere"))


def test_devices_that_are_not_there_are_refused() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    count = torch.cuda.device_count()
    with pytest.raises(ConfigurationError, match=f"sees {count} CUDA devices"):
        resolve_device(f"cuda:{count}")
    if not torch.backends.mps.is_available():
        with pytest.raises(ConfigurationError, match="Metal"):
            resolve_device("mps")


def test_auto_takes_an_accelerator_where_there_is_one() -> None:
    device = resolve_device("auto")
    if torch.cuda.is_available():
        assert device == torch.device("cuda", 0)
    else:
        assert device.type in ("mps", "cpu")
