import argparse
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidInputError
from training.__main__ import main
from training.datasets.sample_pictures import WITH_PEOPLE, sample_pictures
from training.reporting.measure_photos import (
    NUM_TURNED,
    measured,
    rendered_groups,
)
from training.scenes.labelled_picture import NUM_LAYERS, WEIGHT, LabelledPicture

SETS = ("labels", "pose2sim", "ccp", "people")


def dark(image: np.ndarray) -> np.ndarray:
    return np.zeros(image.shape[:2], np.float32)


def options(**given: Path) -> argparse.Namespace:
    return argparse.Namespace(limit=None, **{**dict.fromkeys(SETS), **given})


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One of the two packages is installed, with three pictures and a text."""
    folder = tmp_path / "skimage" / "data"
    folder.mkdir(parents=True)
    for name in ("coffee.png", "astronaut.png", "rocket.jpg"):
        Image.new("RGB", (40, 30)).save(folder / name)
    (folder / "README.txt").touch()

    class Spec:
        origin = str(tmp_path / "skimage" / "__init__.py")

    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: Spec() if name == "skimage" else None
    )
    return folder


def test_sample_pictures_show_nobody(packages: Path) -> None:
    found, missing = sample_pictures()
    assert found == {
        "skimage/coffee": packages / "coffee.png",
        "skimage/rocket": packages / "rocket.jpg",
    }
    assert missing == ["sklearn"]
    assert "astronaut" in WITH_PEOPLE


def test_packages_that_are_not_installed_are_named(
    packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ((name, numbers),) = measured(options(), dark)
    assert name == "sample pictures"
    assert numbers["lit"].num == 2
    assert "sklearn is not installed" in capsys.readouterr().err


def test_photos_to_turn_are_as_many_as_are_reported(packages: Path, tmp_path: Path) -> None:
    root = tmp_path / "people"
    for folder, mode, ending in (("photos", "RGB", "jpg"), ("masks", "L", "png")):
        (root / folder).mkdir(parents=True)
        for number in range(NUM_TURNED + 2):
            Image.new(mode, (20, 30)).save(root / folder / f"{number}.{ending}")
    found = dict(measured(options(people=root), dark))
    assert found["turned"]["turned_90"].num == NUM_TURNED


def test_rendered_groups_are_the_same_each_time_and_of_several_people() -> None:
    layers = np.zeros((40, 60, NUM_LAYERS), np.uint8)
    layers[..., WEIGHT] = 255
    places = [LabelledPicture(layers, ())]
    first, again = (list(rendered_groups(places, 1, side=96)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.layers, other.layers)
        assert max(one.size) == 96
        assert 2 <= len(one.people) <= 5


def test_without_anything_to_measure_on_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidInputError, match="nothing to measure on"):
        list(measured(options(), dark))


def test_a_missing_checkpoint_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "nowhere.safetensors"
    assert main(["evaluate", "photos", "--checkpoint", str(missing)]) == 1
    assert "nowhere.safetensors" in capsys.readouterr().err
