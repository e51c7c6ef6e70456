import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from model.checkpoint import CheckpointHeader, TrainingPart, load_checkpoint, save_checkpoint
from model.clothing.labels import FINE, GROUP_OF, GROUPED
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import (
    ARCHITECTURE,
    ClothingPredictor,
    ClothingSegmentation,
    preprocess,
    save_clothing_checkpoint,
)
from model.errors import CheckpointError, InvalidInputError

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")


def tiny() -> ClothingNetwork:
    torch.manual_seed(0)
    network = ClothingNetwork(ClothingConfig("unet", widths=(8, 8)))
    with torch.no_grad():
        # So that labels differ from place to place.
        network.network.get_submodule("classify").weight.mul_(8)  # type: ignore[operator]
    return network


@pytest.fixture
def network() -> ClothingNetwork:
    return tiny()


@pytest.fixture(scope="module")
def predictor() -> ClothingPredictor:
    return ClothingPredictor(tiny(), input_size=64, dtype=torch.float32)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def assert_same_but_for_rounding(
    found: ClothingSegmentation, expected: ClothingSegmentation
) -> None:
    """Batches of another size, and copies of a network, may be computed by other kernels."""
    np.testing.assert_allclose(found.fine_score, expected.fine_score, atol=1e-5)
    np.testing.assert_allclose(found.grouped_score, expected.grouped_score, atol=1e-5)
    # Where two labels are as probable either may win.
    assert (found.fine == expected.fine).mean() > 0.999
    assert (found.grouped == expected.grouped).mean() > 0.999


@pytest.mark.parametrize("size", [(16, 16), (64, 64), (333, 100), (16, 4000), (720, 1280)])
def test_maps_have_the_size_of_the_picture_and_known_labels(
    predictor: ClothingPredictor, size: tuple[int, int]
) -> None:
    (result,) = predictor.predict_batch([picture(*size)])
    for ids, scores, scheme in (
        (result.fine, result.fine_score, FINE),
        (result.grouped, result.grouped_score, GROUPED),
    ):
        assert ids.shape == scores.shape == size
        assert ids.dtype == np.uint8
        assert scores.dtype == np.float32
        assert ids.max() < len(scheme)
        assert scores.min() >= 0
        assert scores.max() <= 1


def test_at_the_networks_own_size_labels_are_those_of_its_logits(
    network: ClothingNetwork,
) -> None:
    """A picture as large as the input, and a U-Net's logits: nothing is left to enlarge."""
    image = picture(64, 64)
    with torch.inference_mode():
        (logits,) = network.eval()(torch.from_numpy(image.transpose(2, 0, 1))[None].float() / 255)
    probabilities = logits[0].double().softmax(0).numpy()
    (found,) = ClothingPredictor(network, 64, dtype=torch.float32).predict_batch([image])
    assert len(np.unique(found.fine)) > 3
    at_found = np.take_along_axis(probabilities, found.fine[None].astype(int), 0)[0]
    np.testing.assert_allclose(at_found, probabilities.max(0), atol=1e-5)
    np.testing.assert_allclose(found.fine_score, probabilities.max(0), atol=1e-5)
    groups = np.stack([probabilities[group == GROUP_OF].sum(0) for group in range(len(GROUPED))])
    at_found = np.take_along_axis(groups, found.grouped[None].astype(int), 0)[0]
    np.testing.assert_allclose(at_found, groups.max(0), atol=1e-5)
    np.testing.assert_allclose(found.grouped_score, groups.max(0), atol=1e-5)


def test_where_a_garment_is_in_the_map_is_where_it_is_in_the_picture(
    predictor: ClothingPredictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a network that calls what is bright a coat, at a quarter of the resolution."""
    coat = FINE.labels.index("coat")

    def bright_is_coat(images: torch.Tensor) -> torch.Tensor:
        brightness = torch.nn.functional.avg_pool2d(images.mean(1), 4)
        probabilities = torch.zeros(len(images), len(FINE), *brightness.shape[-2:])
        probabilities[:, coat], probabilities[:, 0] = brightness, 1 - brightness
        return probabilities

    monkeypatch.setattr(predictor.network, "forward", bright_is_coat)
    image = np.zeros((300, 120, 3), np.uint8)
    image[90:210, 30:60] = 255
    (result,) = predictor.predict_batch([image])
    rows, columns = np.nonzero(result.fine == coat)
    found = (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
    # One cell is 300 / 16 = 19 pixels; half of it is what blurring may cost.
    np.testing.assert_allclose(found, (90, 210, 30, 60), atol=10)
    np.testing.assert_array_equal(
        result.grouped == GROUPED.labels.index("outerwear"), result.fine == coat
    )


def test_a_batch_of_different_sizes_gives_what_its_pictures_give_alone(
    predictor: ClothingPredictor,
) -> None:
    images = [picture(40, 90, 1), picture(128, 64, 2), picture(64, 64, 3)]
    for image, together in zip(images, predictor.predict_batch(images), strict=True):
        (alone,) = predictor.predict_batch([image])
        assert_same_but_for_rounding(together, alone)
    assert predictor.predict_batch([]) == []


def test_a_batch_is_prepared_run_and_finished(predictor: ClothingPredictor) -> None:
    images = [picture(40, 90, 1), picture(128, 64, 2)]
    raw = predictor.run_batch(predictor.prepare_batch(images))
    staged = predictor.finish_batch(raw)
    for found, expected in zip(staged, predictor.predict_batch(images), strict=True):
        np.testing.assert_array_equal(found.fine, expected.fine)
        np.testing.assert_array_equal(found.grouped_score, expected.grouped_score)


def test_a_picture_that_must_not_be_written_to_is_read(predictor: ClothingPredictor) -> None:
    """As decoders give them; PyTorch would warn."""
    frozen = picture(40, 90)
    frozen.setflags(write=False)
    (found,) = predictor.predict_batch([frozen])
    (expected,) = predictor.predict_batch([frozen.copy()])
    np.testing.assert_array_equal(found.fine, expected.fine)


def test_a_picture_that_is_too_small_is_refused(predictor: ClothingPredictor) -> None:
    with pytest.raises(InvalidInputError, match="8x200"):
        predictor.predict_batch([picture(64, 64), picture(200, 8)])


def test_preprocessing_letterboxes_to_the_input_size() -> None:
    tensor, letterbox = preprocess(picture(100, 50), 64)
    assert tensor.shape == (1, 3, 64, 64)
    assert letterbox.content == (64, 32)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same_probabilities(network: ClothingNetwork) -> None:
    images = [picture(40, 90, 1), picture(700, 300, 2), picture(64, 64, 3)]
    on_cpu = ClothingPredictor(network, 64, dtype=torch.float32)
    on_gpu = ClothingPredictor(copy.deepcopy(network), 64, "cuda", dtype=torch.float32)
    pairs = zip(on_gpu.predict_batch(images), on_cpu.predict_batch(images), strict=True)
    for found, expected in pairs:
        np.testing.assert_allclose(found.fine_score, expected.fine_score, atol=0.01)


def test_a_network_with_other_labels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clothing.safetensors"
    other = ClothingNetwork(ClothingConfig("unet", 7, widths=(4,)))
    save_clothing_checkpoint(path, other, 64, HEADER)
    with pytest.raises(ValueError, match="num_classes is 7; 59 are needed"):
        ClothingPredictor(other, 64)
    with pytest.raises(CheckpointError, match="num_classes is 7; 59 are needed"):
        ClothingPredictor.from_checkpoint(path)


def test_a_checkpoint_rebuilds_the_predictor(tmp_path: Path, network: ClothingNetwork) -> None:
    path = tmp_path / "clothing.safetensors"
    save_clothing_checkpoint(path, network, 64, HEADER)
    rebuilt = ClothingPredictor.from_checkpoint(path)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half())
    image = picture(80, 60)
    (expected,) = ClothingPredictor(network, 64).predict_batch([image])
    (found,) = rebuilt.predict_batch([image])
    assert_same_but_for_rounding(found, expected)
    assert rebuilt.input_size == 64
    assert rebuilt.header is not None
    assert rebuilt.header.licence == "Apache-2.0"
    assert ClothingPredictor.rebuilt(rebuilt.header).config == network.config


def test_weights_take_two_bytes_in_the_file(tmp_path: Path, network: ClothingNetwork) -> None:
    path = tmp_path / "clothing.safetensors"
    save_clothing_checkpoint(path, network, 64, HEADER)
    tensors = load_file(path)
    floats = {name for name, tensor in tensors.items() if tensor.dtype == torch.float16}
    assert {name for name in tensors if "num_batches" not in name} == floats


def test_a_weight_that_half_precision_cannot_hold_is_named(
    tmp_path: Path, network: ClothingNetwork
) -> None:
    with torch.no_grad():
        network.get_parameter("network.classify.bias")[3] = 1e6
    with pytest.raises(ValueError, match=r"network\.classify\.bias is not finite"):
        save_clothing_checkpoint(tmp_path / "clothing.safetensors", network, 64, HEADER)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"network": {"network": "unet", "widths": [4, 4]}, "input_size": 64},
        {"network": {"network": "unet", "colour": "red"}, "input_size": 64},
        {"network": {"network": "segnet"}, "input_size": 64},
    ],
    ids=["empty", "other widths", "unknown key", "unknown network"],
)
def test_a_header_that_does_not_fit_its_tensors_is_refused(
    tmp_path: Path, network: ClothingNetwork, config: dict[str, object]
) -> None:
    path = tmp_path / "clothing.safetensors"
    save_clothing_checkpoint(path, network, 64, HEADER)
    header, _ = load_checkpoint(path, ARCHITECTURE)
    save_checkpoint(path, load_file(path), dataclasses.replace(header, config=config))
    with pytest.raises(CheckpointError, match="does not fit its network"):
        ClothingPredictor.from_checkpoint(path)
