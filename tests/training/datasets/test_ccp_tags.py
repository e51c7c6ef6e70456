"""The photos of Clothing Co-Parsing with tags."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from model.errors import InvalidInputError
from training.datasets.ccp import TaggedPhotos


@pytest.fixture
def tagged(ccp_folder: Path) -> Path:
    folder = ccp_folder / "annotations" / "image-level"
    folder.mkdir()
    for number, tags in {41: [2, 0, 1], 42: [1, 1], 43: [0, 200], 47: [0]}.items():
        pixels = np.full((30, 20, 3), number, np.uint8)
        Image.fromarray(pixels).save(ccp_folder / "photos" / f"{number:04d}.jpg")
        savemat(folder / f"{number:04d}.mat", {"tags": np.array([tags], np.uint8)})
    return ccp_folder


def test_photos_with_tags_are_listed_without_the_test_photos(tagged: Path) -> None:
    assert TaggedPhotos.open(tagged).numbers == (41, 42, 43)


def test_tags_come_ascending_once_and_within_the_list(tagged: Path) -> None:
    photos = TaggedPhotos.open(tagged)
    assert [photos.read(number).tags for number in photos.numbers] == [(0, 1, 2), (1,), (0,)]
    assert photos.read(41).image.shape == (30, 20, 3)


def test_tags_and_photos_are_opened_by_the_names_that_were_listed(tagged: Path) -> None:
    (tagged / "photos" / "0041.jpg").rename(tagged / "photos" / "41.JPG")
    folder = tagged / "annotations" / "image-level"
    (folder / "0041.mat").rename(folder / "41.mat")
    photos = TaggedPhotos.open(tagged)
    assert photos.numbers == (41, 42, 43)
    assert photos.read(41).tags == (0, 1, 2)


def test_a_test_photo_is_not_read(tagged: Path) -> None:
    with pytest.raises(ValueError, match="reserved"):
        TaggedPhotos.open(tagged).read(47)


def test_a_folder_without_tags_is_an_error(ccp_folder: Path) -> None:
    with pytest.raises(InvalidInputError, match="no photo with tags"):
        TaggedPhotos.open(ccp_folder)


@pytest.mark.shared_data
def test_the_real_tags_name_what_is_worn(shared_data: Path) -> None:
    photos = TaggedPhotos.open(shared_data / "ccp")
    assert len(photos.numbers) == 984
    names = [photos.label_names[tag] for tag in photos.read(1006).tags]
    assert {"dress", "hair", "skin", "bag", "sunglasses"} <= set(names)
