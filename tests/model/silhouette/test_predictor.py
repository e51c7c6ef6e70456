import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from model.checkpoint import CheckpointHeader, TrainingPart, load_checkpoint, save_checkpoint
from model.errors import CheckpointError, InvalidInputError
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import (
    ARCHITECTURES,
    SilhouettePredictor,
    preprocess,
    save_silhouette_checkpoint,
)

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")


@pytest.fixture
def network() -> StackedHourglass:
    torch.manual_seed(0)
    return StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2)).eval()


@pytest.fixture
def predictor(network: StackedHourglass) -> SilhouettePredictor:
    return SilhouettePredictor(network, input_size=64, dtype=torch.float32)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (333, 100), (16, 4000), (720, 1280)])
def test_the_map_has_the_size_of_the_picture_and_lies_between_zero_and_one(
    predictor: SilhouettePredictor, size: tuple[int, int]
) -> None:
    (result,) = predictor.predict_batch([picture(*size)])
    assert result.confidence.shape == size
    assert result.confidence.dtype == np.float32
    assert result.confidence.min() >= 0
    assert result.confidence.max() <= 1


def test_a_batch_of_different_sizes_gives_what_its_pictures_give_alone(
    predictor: SilhouettePredictor,
) -> None:
    images = [picture(40, 90, 1), picture(128, 64, 2), picture(64, 64, 3)]
    for image, together in zip(images, predictor.predict_batch(images), strict=True):
        (alone,) = predictor.predict_batch([image])
        np.testing.assert_allclose(together.confidence, alone.confidence, atol=1e-5)
    assert predictor.predict_batch([]) == []


def test_the_map_is_the_first_channel_of_the_last_stack_clipped() -> None:
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=2, num_features=8, depth=2)).eval()
    for bias in (output.bias for output in network.outputs):
        torch.nn.init.uniform_(bias, 0.3, 0.7)  # type: ignore[arg-type]
    image = picture(64, 64)
    with torch.inference_mode():
        raw = network(torch.from_numpy(image.transpose(2, 0, 1))[None].float() / 255)[-1][0, 0]
    (result,) = SilhouettePredictor(network, 64, dtype=torch.float32).predict_batch([image])
    # At the corners of the coarse map interpolation only repeats it.
    expected = raw.clamp(0, 1)
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert result.confidence[row, column] == pytest.approx(float(expected[row, column]))


def test_where_the_person_stands_in_the_map_is_where_they_stand_in_the_picture(
    predictor: SilhouettePredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a network that passes brightness on, a bright box must come back in its place."""

    def brightness(images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(images.mean(1, keepdim=True), 4)

    monkeypatch.setattr(predictor.network, "forward", brightness)
    image = np.zeros((300, 120, 3), np.uint8)
    image[90:210, 30:60] = 255
    (result,) = predictor.predict_batch([image])
    rows, columns = np.nonzero(result.confidence > 0.5)
    found = (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
    # One cell of the coarse map is 300 / 16 = 19 pixels; half of it is what blurring may cost.
    np.testing.assert_allclose(found, (90, 210, 30, 60), atol=10)


def test_a_batch_is_prepared_run_and_finished(predictor: SilhouettePredictor) -> None:
    images = [picture(40, 90, 1), picture(128, 64, 2)]
    raw = predictor.run_batch(predictor.prepare_batch(images))
    staged = predictor.finish_batch(raw)
    for found, expected in zip(staged, predictor.predict_batch(images), strict=True):
        np.testing.assert_array_equal(found.confidence, expected.confidence)


def test_a_picture_that_must_not_be_written_to_is_read(predictor: SilhouettePredictor) -> None:
    """As decoders give them; PyTorch would warn."""
    frozen = picture(40, 90)
    frozen.setflags(write=False)
    (found,) = predictor.predict_batch([frozen])
    (expected,) = predictor.predict_batch([frozen.copy()])
    np.testing.assert_array_equal(found.confidence, expected.confidence)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same_maps(network: StackedHourglass) -> None:
    images = [picture(40, 90, 1), picture(700, 300, 2), picture(64, 64, 3)]
    on_cpu = SilhouettePredictor(network, 64)
    on_gpu = SilhouettePredictor(copy.deepcopy(network), 64, "cuda")
    pairs = zip(on_gpu.predict_batch(images), on_cpu.predict_batch(images), strict=True)
    for found, expected in pairs:
        np.testing.assert_allclose(found.confidence, expected.confidence, atol=0.01)


def test_a_picture_that_is_too_small_is_refused(predictor: SilhouettePredictor) -> None:
    with pytest.raises(InvalidInputError, match="8x200"):
        predictor.predict_batch([picture(64, 64), picture(200, 8)])


def test_preprocessing_letterboxes_to_the_input_size() -> None:
    tensor, letterbox = preprocess(picture(100, 50), 64)
    assert tensor.shape == (1, 3, 64, 64)
    assert letterbox.content == (64, 32)


def test_a_checkpoint_rebuilds_the_predictor(tmp_path: Path, network: StackedHourglass) -> None:
    path = tmp_path / "silhouette.safetensors"
    save_silhouette_checkpoint(path, network, 64, HEADER)
    rebuilt = SilhouettePredictor.from_checkpoint(path)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half())
    image = picture(80, 60)
    (expected,) = SilhouettePredictor(network, 64).predict_batch([image])
    (found,) = rebuilt.predict_batch([image])
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-5)
    assert rebuilt.input_size == 64
    assert rebuilt.header is not None
    assert rebuilt.header.licence == "Apache-2.0"
    assert SilhouettePredictor.rebuilt(rebuilt.header).config == network.config


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"network": {"num_stacks": 1}, "input_size": 64},
        {"network": {"depth": 2, "colour": "red"}, "input_size": 64},
    ],
    ids=["empty", "other widths", "unknown key"],
)
def test_a_header_that_does_not_fit_its_tensors_is_refused(
    tmp_path: Path, network: StackedHourglass, config: dict[str, object]
) -> None:
    path = tmp_path / "silhouette.safetensors"
    save_silhouette_checkpoint(path, network, 64, HEADER)
    header, _ = load_checkpoint(path, *ARCHITECTURES)
    save_checkpoint(path, load_file(path), dataclasses.replace(header, config=config))
    with pytest.raises(CheckpointError, match="does not fit its network"):
        SilhouettePredictor.from_checkpoint(path)
