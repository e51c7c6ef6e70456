import os
from dataclasses import replace
from pathlib import Path

import pytest

from app.capabilities import (
    BODY,
    CLOTHING,
    SILHOUETTE,
    CapabilityMissingError,
    Predictors,
)
from app.settings import ConfigurationError, Settings
from model.body.asset import load_asset, save_asset
from model.checkpoint import CheckpointHeader, TrainingPart
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import save_clothing_checkpoint
from model.errors import CheckpointError
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import save_silhouette_checkpoint

HEADER = CheckpointHeader(
    "", {}, (TrainingPart({}, "abc", "nothing", 0),), {"iou": 0.5}, "Apache-2.0"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a silhouette checkpoint and nothing else."""
    network = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    path = tmp_path / "silhouette.safetensors"
    save_silhouette_checkpoint(path, network, 64, HEADER)
    return tmp_path


def test_a_checkpoint_that_is_there_is_loaded_and_one_that_is_not_is_left_out(folder: Path) -> None:
    predictors = Predictors.load(Settings(checkpoints=folder, device="cpu"))
    assert predictors.need(SILHOUETTE).input_size == 64
    with pytest.raises(CapabilityMissingError, match="python -m training assets body"):
        predictors.need(BODY)
    with pytest.raises(CapabilityMissingError, match="python -m training fit clothing"):
        predictors.need(CLOTHING)
    silhouette, *others = predictors.states()
    assert (silhouette.loaded, silhouette.device) == (True, "cpu")
    assert [(status.name, status.loaded) for status in others] == [
        ("body", False),
        ("clothing", False),
        ("synthesis", False),
    ]
    assert silhouette.checkpoint is not None
    assert silhouette.checkpoint.metrics == {"iou": 0.5}


def test_the_clothing_is_loaded_from_its_checkpoint(tmp_path: Path) -> None:
    network = ClothingNetwork(ClothingConfig(network="unet", widths=(4, 8)))
    save_clothing_checkpoint(tmp_path / "clothing.safetensors", network, 64, HEADER)
    predictors = Predictors.load(Settings(checkpoints=tmp_path, device="cpu", cpu_threads=1000))
    status = next(one for one in predictors.states() if one.loaded)
    assert (status.name, status.loaded) == ("clothing", True)
    assert status.input == "a picture, seen at 64x64 pixels"
    [device] = predictors.devices()
    [(predictor, example)] = device.examples
    assert predictor is predictors.need(CLOTHING)
    assert len(predictor.predict_batch([example] * 2)) == 2


@pytest.fixture
def licensed(tmp_path: Path, repo_root: Path) -> Path:
    """A body asset under SMPL's licence, outside the folder of checkpoints."""
    _, asset = load_asset(repo_root / "checkpoints" / "body_neutral.safetensors")
    path = tmp_path / "private" / "smpl_neutral.safetensors"
    save_asset(path, asset, replace(HEADER, licence="LicenseRef-SMPL-Body"))
    return path


def test_another_body_is_served_where_the_setting_names_one(folder: Path, licensed: Path) -> None:
    settings = Settings(checkpoints=folder, body_asset=licensed, device="cpu")
    models = Predictors.load(settings).states()
    [card] = [model.checkpoint for model in models if model.name == "body"]
    assert card is not None
    assert (card.file, card.licence) == ("smpl_neutral.safetensors", "LicenseRef-SMPL-Body")
    [card] = [model.checkpoint for model in models if model.name == "silhouette"]
    assert card is not None
    assert (card.file, card.licence) == ("silhouette.safetensors", "Apache-2.0")


def test_a_body_that_is_named_and_not_there_stops_the_start(folder: Path) -> None:
    settings = Settings(checkpoints=folder, body_asset=folder / "nothing.safetensors")
    with pytest.raises(ConfigurationError, match=r"HABITUS_BODY_ASSET is .*nothing\.safetensors"):
        Predictors.load(settings)
    assert Settings(body_asset="").body_asset is None  # type: ignore[arg-type]


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


def test_a_processor_runs_as_many_batches_at_once_as_its_cores_hold(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = len(os.sched_getaffinity(0))
    for threads, expected in ((1, cores), (cores, 1), (cores + 1, 1)):
        settings = Settings(checkpoints=folder, device="cpu", cpu_threads=threads)
        predictors = Predictors.load(settings)
        devices = predictors.devices()
        assert len(devices) == expected
        assert all(device.limits == {predictors.need(SILHOUETTE): threads} for device in devices)
        assert {predictor for device in devices for predictor, _ in device.examples} == {
            predictors.need(SILHOUETTE)
        }
        assert predictors.states()[0].device == "cpu"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert Predictors.load(Settings(checkpoints=folder, device="cpu")).cpu_workers == 1


def test_each_device_has_a_replica_of_every_predictor_and_an_item_to_warm_it_with(
    folder: Path,
) -> None:
    first = Predictors.load(Settings(checkpoints=folder, device="cpu"))
    second = Predictors.load(Settings(checkpoints=folder, device="cpu"))
    predictors = Predictors(silhouette=first.need(SILHOUETTE), replicas=(second,))
    devices = predictors.devices()
    assert [device.name for device in devices] == ["cpu", "cpu"]
    assert predictors.states()[0].device == "cpu, cpu"
    silhouette = predictors.need(SILHOUETTE)
    for device, here in zip(devices, (first, second), strict=True):
        assert device.replicas == {silhouette: here.need(SILHOUETTE)}
        [(predictor, example)] = device.examples
        assert predictor is here.need(SILHOUETTE)
        assert len(predictor.predict_batch([example] * 2)) == 2
        device.synchronize()
        assert not device.overlaps


def test_a_server_without_any_checkpoint_has_a_device_all_the_same(tmp_path: Path) -> None:
    [device] = Predictors.load(Settings(checkpoints=tmp_path, cpu_threads=1000)).devices()
    assert (device.name, device.examples) == ("cpu", [])
