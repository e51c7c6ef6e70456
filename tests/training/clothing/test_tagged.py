"""Labels for photos that have tags only."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from model.checkpoint import CheckpointHeader
from model.clothing.labels import LABELS
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import ClothingPredictor, save_clothing_checkpoint
from training.__main__ import main
from training.clothing.recipe import DataRecipe
from training.clothing.sources import packed_photos
from training.clothing.tagged import ALWAYS, label_tagged
from training.datasets.ccp import ClothingCoParsing


def network() -> ClothingNetwork:
    torch.manual_seed(0)
    return ClothingNetwork(ClothingConfig("unet", widths=(8, 8)))


@pytest.fixture
def predictor() -> ClothingPredictor:
    return ClothingPredictor(network(), input_size=64, dtype=torch.float32)


def test_only_what_the_tags_name_is_found(predictor: ClothingPredictor) -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 60, 3), dtype=np.uint8)
    free = label_tagged(predictor, image, range(len(LABELS)))
    # What this network would say is not among the tags.
    forbidden = set(np.unique(free).tolist()) - set(ALWAYS)
    tags = [n for n in range(len(LABELS)) if n not in forbidden][:12]
    found = label_tagged(predictor, image, tags)
    assert forbidden
    assert found.shape == (90, 60)
    assert found.dtype == np.uint8
    assert set(np.unique(found).tolist()) <= {*tags, *ALWAYS}


def test_a_mirrored_photo_has_mirrored_labels(predictor: ClothingPredictor) -> None:
    # Square, and as large as the network's input: no interpolation in between.
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    found = label_tagged(predictor, image, (3, 14, 38))
    mirrored = label_tagged(predictor, np.ascontiguousarray(image[:, ::-1]), (3, 14, 38))
    assert (mirrored[:, ::-1] == found).mean() > 0.99


def test_what_comes_out_is_a_folder_to_learn_from(clothing_folder: Path, tmp_path: Path) -> None:
    folder = clothing_folder / "annotations" / "image-level"
    folder.mkdir()
    for number in (1, 2, 7):
        savemat(folder / f"{number:04d}.mat", {"tags": np.array([[0, 14, 19, 41]], np.uint8)})
    checkpoint = tmp_path / "clothing.safetensors"
    header = CheckpointHeader("", {}, "nothing", {}, {}, "abc", "Apache-2.0")
    save_clothing_checkpoint(checkpoint, network(), 64, header)
    options = ["--ccp", str(clothing_folder), "--checkpoint", str(checkpoint)]
    command = ["data", "tagged", *options, "--out", str(tmp_path / "out")]
    assert main(command) == 0
    made = ClothingCoParsing.open(tmp_path / "out")
    assert made.numbers == (1, 2)
    photo = made.read(1)
    assert (photo.image == ClothingCoParsing.open(clothing_folder).read(1).image).all()
    assert set(np.unique(photo.labels).tolist()) <= {0, 14, 19, 41}
    learned = [
        len(packed_photos(DataRecipe(str(clothing_folder), tagged, 64, str(tmp_path)), False))
        for tagged in (None, str(tmp_path / "out"))
    ]
    assert learned[1] == learned[0] + 2
    # A second call goes on where the first one ended.
    path = tmp_path / "out" / "annotations" / "pixel-level"
    (path / "0002.mat").unlink()
    before = (path / "0001.mat").stat().st_mtime_ns
    assert main(command) == 0
    assert (path / "0002.mat").exists()
    assert (path / "0001.mat").stat().st_mtime_ns == before
