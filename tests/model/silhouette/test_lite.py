"""The silhouette network on EfficientNet-Lite."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from model.checkpoint import CheckpointHeader, TrainingPart, load_checkpoint, save_checkpoint
from model.errors import CheckpointError
from model.silhouette.architectures import ARCHITECTURES, HOURGLASS, LITE, architecture_of
from model.silhouette.inference import InferenceNetwork
from model.silhouette.lite import LiteConfig, LiteSilhouette
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import SilhouettePredictor, save_silhouette_checkpoint

SMALL = LiteConfig(0, (16, 8, 8, 8))
HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")


@pytest.fixture
def network() -> LiteSilhouette:
    torch.manual_seed(0)
    return LiteSilhouette(SMALL).eval()


@pytest.mark.parametrize("size", [(64, 64), (48, 80), (33, 31)])
def test_the_map_has_the_pictures_own_resolution(
    network: LiteSilhouette, size: tuple[int, int]
) -> None:
    with torch.inference_mode():
        (confidence,) = network(torch.rand(2, 3, *size))
    assert confidence.shape == (2, 1, *size)
    assert confidence.dtype == torch.float32
    assert 0 <= float(confidence.min()) < float(confidence.max()) <= 1


def test_each_score_of_a_cell_is_one_of_its_pixels(network: LiteSilhouette) -> None:
    classify = network.unet.classify
    torch.nn.init.zeros_(classify.weight)
    assert classify.bias is not None
    classify.bias.data = torch.tensor([-2.0, -1.0, 1.0, 2.0])
    with torch.inference_mode():
        (confidence,) = network(torch.rand(1, 3, 32, 32))
    cell = torch.tensor([[-2.0, -1.0], [1.0, 2.0]]).sigmoid()
    torch.testing.assert_close(confidence[0, 0], cell.repeat(16, 16))


def test_what_is_served_is_what_was_trained(network: LiteSilhouette) -> None:
    images = torch.rand(3, 3, 64, 64)
    with torch.inference_mode():
        (expected,) = network(images)
        found = InferenceNetwork(network, torch.float32)(images)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_autocast_changes_the_map_by_rounding_alone(network: LiteSilhouette) -> None:
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        (expected,) = network(images)
        with torch.autocast("cpu", torch.bfloat16):
            (found,) = network(images)
    assert found.dtype == torch.float32
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0)


def test_a_checkpoint_is_rebuilt_by_the_architecture_in_its_header(
    network: LiteSilhouette, tmp_path: Path
) -> None:
    path = tmp_path / "silhouette.safetensors"
    save_silhouette_checkpoint(path, network, 64, HEADER)
    image = np.random.default_rng(0).integers(0, 256, (80, 60, 3), dtype=np.uint8)
    rebuilt = SilhouettePredictor.from_checkpoint(path)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half())
    (expected,) = SilhouettePredictor(network, 64).predict_batch([image])
    (found,) = rebuilt.predict_batch([image])
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-5)
    assert rebuilt.header is not None
    assert SilhouettePredictor.rebuilt(rebuilt.header).config == SMALL
    assert rebuilt.header is not None
    assert rebuilt.header.architecture == LITE


def test_each_network_has_a_name_of_its_own(network: LiteSilhouette) -> None:
    assert architecture_of(network) == LITE
    assert architecture_of(StackedHourglass(HourglassConfig(1, 8, 1))) == HOURGLASS
    assert set(ARCHITECTURES) == {LITE, HOURGLASS}


@pytest.mark.parametrize(
    "config",
    [{}, {"variant": 0, "decoder_widths": [16, 8, 8]}, {"variant": 9, "decoder_widths": [8] * 4}],
    ids=["empty", "three widths", "no such variant"],
)
def test_a_header_that_does_not_fit_is_refused(
    network: LiteSilhouette, tmp_path: Path, config: dict[str, object]
) -> None:
    path = tmp_path / "silhouette.safetensors"
    save_silhouette_checkpoint(path, network, 64, HEADER)
    header, tensors = load_checkpoint(path, LITE)
    changed = {"network": config, "input_size": 64}
    save_checkpoint(path, tensors, dataclasses.replace(header, config=changed))
    with pytest.raises(CheckpointError, match="does not fit its network"):
        SilhouettePredictor.from_checkpoint(path)
