import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from model.errors import InvalidInputError
from training.datasets.ccp import ClothingCoParsing
from training.datasets.splits import Split


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


def test_reserved_photos_are_never_given_out(ccp_folder: Path) -> None:
    dataset = ClothingCoParsing.open(ccp_folder)
    assert len(dataset.numbers) == 36
    assert not any(number % 10 == 7 for number in dataset.numbers)
    with pytest.raises(ValueError, match="photo 7 is reserved"):
        dataset.read(7)


def test_the_split_is_a_matter_of_the_number_alone(ccp_folder: Path) -> None:
    dataset = ClothingCoParsing.open(ccp_folder)
    before = {split: dataset.numbers_of(split) for split in get_args(Split)}
    assert sorted(sum(before.values(), ())) == list(dataset.numbers)
    (ccp_folder / "photos" / "0001.jpg").unlink()
    after = ClothingCoParsing.open(ccp_folder)
    assert 1 not in after.numbers
    for split, numbers in before.items():
        assert set(after.numbers_of(split)) == set(numbers) - {1}


def test_photos_without_pixel_labels_are_left_out(ccp_folder: Path) -> None:
    (ccp_folder / "annotations" / "pixel-level" / "0002.mat").unlink()
    assert 2 not in ClothingCoParsing.open(ccp_folder).numbers


@pytest.mark.parametrize("name", ["0001.JPG", "1.jpg", "0001.jpeg", "00001.Png"])
@pytest.mark.parametrize("labels", ["0001.mat", "1.MAT"])
def test_photos_and_labels_are_opened_by_the_names_that_were_listed(
    ccp_folder: Path, name: str, labels: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = ClothingCoParsing.open(ccp_folder)
    expected = before.read(1)
    folder = ccp_folder / "annotations" / "pixel-level"
    (ccp_folder / "photos" / "0001.jpg").rename(ccp_folder / "photos" / name)
    (folder / "0001.mat").rename(folder / labels)
    dataset = ClothingCoParsing.open(ccp_folder)
    assert dataset.numbers == before.numbers
    assert np.array_equal(dataset.read(1).image, expected.image)
    assert np.array_equal(dataset.read(1).labels, expected.labels)
    assert not caplog.messages


def test_what_is_left_out_is_said_in_one_line(
    ccp_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos = ccp_folder / "photos"
    (photos / "0001.jpg").rename(photos / "0001.webp")
    (photos / "0002.jpg").unlink()
    (photos / "0007.jpg").unlink()  # reserved: nobody misses it
    shutil.copy(photos / "0003.jpg", photos / "3.png")
    (photos / ".DS_Store").touch()
    ClothingCoParsing.open(ccp_folder)
    (line,) = caplog.messages
    assert "\n" not in line
    for part in (
        f"1 files whose names are not like 0001.jpg (such as {photos}/0001.webp)",
        f"1 files with the number of another (such as {photos}/3.png)",
        "2 labels without their photo (such as ",
    ):
        assert part in line


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
    assert len(dataset.numbers_of("training")) == 822
    assert len(dataset.numbers_of("validation")) == 42
    assert len(dataset.numbers_of("test")) == 40
    photo = dataset.read(dataset.numbers[0])
    assert Image.fromarray(photo.image).width == 550
    assert dataset.label_names[0] == "null"
    assert len(set(dataset.label_names)) == 59
    assert 0.5 < (photo.labels == dataset.label_id("null")).mean() < 0.95
