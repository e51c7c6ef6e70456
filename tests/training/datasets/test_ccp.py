from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from model.errors import InvalidInputError
from training.datasets.ccp import ClothingCoParsing, is_test, is_validation
from training.silhouette.sources import CLOSE_LABELS


def test_labels_are_known_by_their_names(ccp_folder: Path) -> None:
    dataset = ClothingCoParsing.open(ccp_folder)
    assert dataset.label_names == ("null", "hair", "skin", "dress")
    assert dataset.label_id("skin") == 2
    with pytest.raises(ValueError, match="no label 'fur'; there are null, hair"):
        dataset.label_id("fur")


def test_a_photo_comes_with_its_labels(ccp_folder: Path) -> None:
    photo = ClothingCoParsing.open(ccp_folder).read(1)
    assert photo.image.shape == (60, 40, 3)
    assert photo.labels.shape == (60, 40)
    assert (photo.labels == 2).sum() == 80


def test_fine_labels_are_the_files_own(ccp_folder: Path) -> None:
    stored = np.arange(60 * 40).reshape(60, 40) % 4
    savemat(ccp_folder / "annotations/pixel-level/0003.mat", {"groundtruth": stored.astype("u1")})
    photo = ClothingCoParsing.open(ccp_folder).read(3)
    assert photo.labels.dtype == np.uint8
    assert np.array_equal(photo.labels, stored)
    with Image.open(ccp_folder / "photos" / "0003.jpg") as picture:
        assert np.array_equal(photo.image, np.asarray(picture))


def test_test_photos_are_never_given_out(ccp_folder: Path) -> None:
    dataset = ClothingCoParsing.open(ccp_folder)
    assert len(dataset.numbers) == 36
    assert not any(number % 10 == 7 for number in dataset.numbers)
    assert not any(is_validation(number) for number in range(7, 2000, 10))
    with pytest.raises(ValueError, match="photo 7 is a test photo"):
        dataset.read(7)


def test_the_split_is_a_matter_of_the_number_alone(ccp_folder: Path) -> None:
    dataset = ClothingCoParsing.open(ccp_folder)
    before = dataset.validation_numbers()
    assert sorted(before + dataset.training_numbers()) == list(dataset.numbers)
    (ccp_folder / "photos" / "0001.jpg").unlink()
    after = ClothingCoParsing.open(ccp_folder)
    assert 1 not in after.numbers
    assert set(after.validation_numbers()) == set(before) - {1}
    everything = [number for number in range(1, 5001) if not is_test(number)]
    share = sum(is_validation(number) for number in everything) / len(everything)
    assert share == pytest.approx(0.1, abs=0.015)


def test_photos_without_pixel_labels_are_left_out(ccp_folder: Path) -> None:
    (ccp_folder / "annotations" / "pixel-level" / "0002.mat").unlink()
    assert 2 not in ClothingCoParsing.open(ccp_folder).numbers


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("annotations/pixel-level/0001.mat", b"", "cannot be read as a MATLAB file"),
        ("annotations/pixel-level/0001.mat", b"plain text, " * 40, "cannot be read"),
        ("photos/0001.jpg", b"\xff\xd8\xff", "JPEG is truncated or damaged"),
    ],
)
def test_a_damaged_file_is_refused(
    ccp_folder: Path, name: str, content: bytes, message: str
) -> None:
    (ccp_folder / name).write_bytes(content)
    with pytest.raises(InvalidInputError, match=message):
        ClothingCoParsing.open(ccp_folder).read(1)


def test_labels_that_do_not_fit_are_refused(ccp_folder: Path) -> None:
    dataset = ClothingCoParsing.open(ccp_folder)
    path = ccp_folder / "annotations" / "pixel-level" / "0001.mat"
    savemat(path, {"groundtruth": np.zeros((60, 41), np.uint8)})
    with pytest.raises(InvalidInputError, match="must have the same size"):
        dataset.read(1)
    savemat(path, {"groundtruth": np.full((60, 40), 4, np.uint8)})
    with pytest.raises(InvalidInputError, match="label 4; ids run from 0 to 3"):
        dataset.read(1)
    savemat(path, {"labels": np.zeros((60, 40), np.uint8)})
    with pytest.raises(InvalidInputError, match="no 'groundtruth'; found labels"):
        dataset.read(1)


def test_a_missing_folder_or_list_is_said_to_be_missing(ccp_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ClothingCoParsing.open(tmp_path / "nowhere")
    for file in (ccp_folder / "photos").iterdir():
        file.unlink()
    with pytest.raises(InvalidInputError, match="no photo with pixel labels"):
        ClothingCoParsing.open(ccp_folder)
    (ccp_folder / "label_list.mat").unlink()
    with pytest.raises(FileNotFoundError):
        ClothingCoParsing.open(ccp_folder)


@pytest.mark.shared_data
def test_the_real_dataset_is_as_its_authors_say(shared_data: Path) -> None:
    dataset = ClothingCoParsing.open(shared_data / "ccp")
    assert len(dataset.label_names) == 59
    assert dataset.label_names[dataset.label_id("skin")] == "skin"
    assert len(dataset.numbers) == 904
    assert 70 <= len(dataset.validation_numbers()) <= 110
    photo = dataset.read(dataset.numbers[0])
    assert Image.fromarray(photo.image).width == 550
    assert dataset.label_names[0] == "null"
    assert len(set(dataset.label_names)) == 59
    assert set(dataset.label_names) >= CLOSE_LABELS
    assert 0.5 < (photo.labels == dataset.label_id("null")).mean() < 0.95
