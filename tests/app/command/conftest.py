from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.checkpoint import CheckpointHeader, TrainingPart
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import save_clothing_checkpoint
from model.silhouette.network import HourglassConfig, StackedHourglass
from model.silhouette.predictor import save_silhouette_checkpoint

HEADER = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small networks of the capabilities that look at photos."""
    folder = tmp_path_factory.mktemp("checkpoints")
    hourglass = StackedHourglass(HourglassConfig(num_stacks=1, num_features=8, depth=2))
    save_silhouette_checkpoint(folder / "silhouette.safetensors", hourglass, 64, HEADER)
    unet = ClothingNetwork(ClothingConfig(network="unet", widths=(4, 8)))
    save_clothing_checkpoint(folder / "clothing.safetensors", unet, 64, HEADER)
    return folder


def write_photo(path: Path, seed: int, size: tuple[int, int] = (48, 32)) -> None:
    """A picture of blocks in colours, (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(path)
