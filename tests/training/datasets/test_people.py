from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidInputError
from training.datasets.people import PersonPhotos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photos of 40 x 30 with the person on the left; one mask is half as large."""
    for name in ("photos", "masks"):
        (tmp_path / name).mkdir()
    mask = np.zeros((30, 40), np.uint8)
    mask[:, :10] = 255
    for name, scale in (("2", 1), ("10", 2), ("1", 1)):
        Image.new("RGB", (40, 30), (int(name), 0, 0)).save(tmp_path / "photos" / f"{name}.jpg")
        small = Image.fromarray(mask).resize((40 // scale, 30 // scale))
        small.save(tmp_path / "masks" / f"{name}.png")
    return tmp_path


def test_photos_come_in_the_order_of_their_numbers_with_masks_at_their_size(folder: Path) -> None:
    photos = PersonPhotos.open(folder)
    assert photos.names == ("1", "2", "10")
    for name in photos.names:
        photo = photos.read(name)
        assert photo.image.shape == (30, 40, 3)
        assert photo.mask.shape == (30, 40)
        assert photo.mask[:, :9].all()
        assert not photo.mask[:, 11:].any()


def test_a_photo_without_a_mask_is_named(folder: Path) -> None:
    (folder / "masks" / "2.png").unlink()
    with pytest.raises(InvalidInputError, match="2 has a photo or a mask, not both"):
        PersonPhotos.open(folder)


def test_a_mask_of_other_proportions_is_refused(folder: Path) -> None:
    Image.new("L", (30, 40)).save(folder / "masks" / "2.png")
    with pytest.raises(InvalidInputError, match="same proportions"):
        PersonPhotos.open(folder).read("2")


def test_a_damaged_mask_is_named(folder: Path) -> None:
    (folder / "masks" / "2.png").write_bytes(b"nothing")
    with pytest.raises(InvalidInputError, match=r"masks/2\.png cannot be read"):
        PersonPhotos.open(folder).read("2")


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="holds no photos"):
        PersonPhotos.open(tmp_path)
    with pytest.raises(FileNotFoundError):
        PersonPhotos.open(tmp_path / "none")
