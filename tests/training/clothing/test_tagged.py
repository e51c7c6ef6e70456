"""Labels for photos that have tags only."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from model.checkpoint import CheckpointHeader, TrainingPart
from model.clothing.labels import LABELS
from model.clothing.network import ClothingConfig, ClothingNetwork
from model.clothing.predictor import ClothingPredictor, save_clothing_checkpoint
from training.__main__ import main
from training.clothing.data import load_photos
from training.clothing.label_factors import ALWAYS, label_tagged, usual_areas, with_least_areas
from training.clothing.recipe import DataRecipe
from training.datasets.ccp import ClothingCoParsing

NO_AREAS = np.zeros(len(LABELS))


def network() -> ClothingNetwork:
    torch.manual_seed(0)
    return ClothingNetwork(ClothingConfig("unet", widths=(8, 8)))


@pytest.fixture
def predictor() -> ClothingPredictor:
    return ClothingPredictor(network(), input_size=64, dtype=torch.float32)


def test_only_what_the_tags_name_is_found(predictor: ClothingPredictor) -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 60, 3), dtype=np.uint8)
    free = label_tagged(predictor, image, range(len(LABELS)), NO_AREAS)
    # What this network would say is not among the tags.
    forbidden = set(np.unique(free).tolist()) - set(ALWAYS)
    tags = [n for n in range(len(LABELS)) if n not in forbidden][:12]
    found = label_tagged(predictor, image, tags, NO_AREAS)
    assert forbidden
    assert found.shape == (90, 60)
    assert found.dtype == np.uint8
    assert set(np.unique(found).tolist()) <= {*tags, *ALWAYS}


def test_a_tag_covers_what_such_things_usually_do(predictor: ClothingPredictor) -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    tags = (3, 14, 37)
    without = label_tagged(predictor, image, tags, NO_AREAS)
    hidden = min(tags, key=lambda tag: int((without == tag).sum()))
    areas = NO_AREAS.copy()
    areas[hidden] = 0.2
    # Of the tags alone: what is not named stays away, however much it usually covers.
    areas[LABELS.index("hat")] = 0.5
    found = label_tagged(predictor, image, tags, areas)
    assert (without == hidden).mean() < 0.1
    assert (found == hidden).mean() == pytest.approx(0.2, abs=0.03)
    assert set(np.unique(found).tolist()) <= {*tags, *ALWAYS}


def test_a_label_wins_first_where_it_is_least_unlikely() -> None:
    rng = np.random.default_rng(2)
    given = torch.from_numpy(rng.dirichlet((4, 2, 0.3, 0.1), (20, 30))).clamp_min(1e-6)
    least = (0.0, 0.1, 0.2, 0.03)
    changed = with_least_areas(given, least)
    wins, before = changed.argmax(-1), given.argmax(-1)
    assert float(changed.sum(-1).min()) == pytest.approx(1)
    # The smallest one is made likelier last, so it has exactly its share.
    assert int((wins == 3).sum()) == max(18, int((before == 3).sum()))
    for label, share in enumerate(least):
        if label != 3:
            # Others may lose to smaller ones what those need.
            assert int((wins == label).sum()) >= round(share * 600) - 18
    # What one label is less likely by, against another, is the same everywhere.
    ratio = (changed[..., 3] / changed[..., 0]) / (given[..., 3] / given[..., 0])
    assert float(ratio.max() / ratio.min()) == pytest.approx(1)
    assert torch.equal(with_least_areas(given, (0, 0, 0, 0)).argmax(-1), before)


def test_a_label_that_the_network_hardly_knows_is_not_forced_upon_a_photo() -> None:
    given = torch.tensor([[0.95, 0.05], [0.8, 0.2], [0.6, 0.4]])[:, None]
    assert with_least_areas(given, (0, 2 / 3)).argmax(-1).flatten().tolist() == [0, 1, 1]
    # For all three it would take 19 times.
    torch.testing.assert_close(with_least_areas(given, (0, 1)), given)


def test_usual_areas_are_lower_quartiles_of_photos_that_have_the_label(
    clothing_folder: Path,
) -> None:
    dataset = ClothingCoParsing.open(clothing_folder)
    maps = [dataset.read_labels(number) for number in dataset.numbers_of("training")]
    areas = usual_areas(dataset)
    for label in range(len(LABELS)):
        shares = sorted(float((labels == label).mean()) for labels in maps if label in labels)
        if len(shares) < 5:
            assert areas[label] == 0
        else:
            assert shares[0] <= areas[label] <= shares[len(shares) // 2]
    assert areas[0] > 0


def test_a_mirrored_photo_has_mirrored_labels(predictor: ClothingPredictor) -> None:
    # Square, and as large as the network's input: no interpolation in between.
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    found = label_tagged(predictor, image, (3, 14, 38), NO_AREAS)
    mirrored = label_tagged(predictor, np.ascontiguousarray(image[:, ::-1]), (3, 14, 38), NO_AREAS)
    assert (mirrored[:, ::-1] == found).mean() > 0.99


def test_what_comes_out_is_a_folder_to_learn_from(clothing_folder: Path, tmp_path: Path) -> None:
    folder = clothing_folder / "annotations" / "image-level"
    folder.mkdir()
    for number in (1, 2, 7):
        savemat(folder / f"{number:04d}.mat", {"tags": np.array([[0, 14, 19, 41]], np.uint8)})
    checkpoint = tmp_path / "clothing.safetensors"
    header = CheckpointHeader("", {}, (TrainingPart({}, "abc", "nothing", 0),), {}, "Apache-2.0")
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
        len(load_photos(DataRecipe(str(clothing_folder), tagged, 64, str(tmp_path)), False))
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
