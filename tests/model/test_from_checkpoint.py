"""Every predictor is made from a file that is named as text or as a path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.body.predictor import BodyPredictor
from model.checkpoint import CheckpointHeader, TrainingPart
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import ClothingPredictor, save_clothing_checkpoint
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import SilhouettePredictor, save_silhouette_checkpoint

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")
KINDS: dict[str, Callable[[str | Path], Any]] = {
    "silhouette": SilhouettePredictor.from_checkpoint,
    "clothing": ClothingPredictor.from_checkpoint,
    "body_neutral": BodyPredictor.from_checkpoint,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> Path:
    """A checkpoint of each kind: small networks, and the committed body."""
    path = tmp_path_factory.mktemp("checkpoints")
    hourglass = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    save_silhouette_checkpoint(path / "silhouette.safetensors", hourglass, 64, HEADER)
    unet = ClothingNetwork(ClothingConfig(network="unet", widths=(8, 16)))
    save_clothing_checkpoint(path / "clothing.safetensors", unet, 64, HEADER)
    body = "body_neutral.safetensors"
    (path / body).symlink_to(repo_root / "checkpoints" / body)
    return path


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("named_as", [str, Path])
def test_a_checkpoint_is_named_as_text_or_as_a_path(
    name: str, named_as: Callable[[Path], str | Path], folder: Path
) -> None:
    predictor = KINDS[name](named_as(folder / f"{name}.safetensors"))
    assert predictor.header is not None


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("named_as", [str, Path])
def test_a_missing_checkpoint_is_named_in_the_error(
    name: str, named_as: Callable[[Path], str | Path], tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.safetensors"):
        KINDS[name](named_as(tmp_path / "nothing.safetensors"))
