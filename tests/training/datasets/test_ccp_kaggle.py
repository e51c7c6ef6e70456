from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidInputError
from training.datasets.ccp_kaggle import CcpKaggle
from training.datasets.splits import photo_split

COLOURS = {"none": (69, 6, 90), "hair": (1, 2, 3), "skin": (200, 100, 0)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty photos, listed in another order than their labels."""
    root = tmp_path / "kaggle"
    images, labels = root / "images", root / "labels" / "pixel_level_labels_colored"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    rows = [f"{name},{r},{g},{b}" for name, (r, g, b) in COLOURS.items()]
    (root / "class_dict.csv").write_text("\n".join(["class_name,r,g,b", *rows]) + "\n")
    table = np.array([*COLOURS.values()], np.uint8)
    for number in range(1, 21):
        ids = ids_of(number)
        Image.fromarray(table[ids]).save(labels / f"{number:04d}.png")
        # Without leading zeros 10 comes before 2 in a list.
        Image.fromarray(np.full((24, 18, 3), 10 * number, np.uint8)).save(
            images / f"image_{number}.png"
        )
    return root


def ids_of(number: int) -> np.ndarray:
    drawn: np.ndarray = np.random.default_rng(number).integers(0, 3, (24, 18), dtype=np.uint8)
    return drawn


def test_photos_and_labels_are_paired_by_number(folder: Path) -> None:
    dataset = CcpKaggle.open(folder)
    assert dataset.label_names == ("null", "hair", "skin")
    for number in dataset.numbers:
        photo = dataset.read(number)
        assert (photo.image == 10 * number).all()
        assert np.array_equal(photo.labels, ids_of(number))
        assert photo.labels.dtype == np.uint8


def test_the_split_is_the_originals(folder: Path) -> None:
    dataset = CcpKaggle.open(folder)
    assert dataset.numbers == tuple(n for n in range(1, 21) if n % 10 != 7)
    for number in dataset.numbers:
        split = photo_split(number)
        assert split is not None
        assert number in dataset.numbers_of(split)
    with pytest.raises(ValueError, match="photo 17 is reserved"):
        dataset.read(17)


def test_photos_may_lie_in_folders_of_their_own(folder: Path) -> None:
    (folder / "images" / "colored_labels").mkdir()
    for path in sorted((folder / "images").glob("*.png")):
        path.rename(folder / "images" / "colored_labels" / path.name)
    assert len(CcpKaggle.open(folder).numbers) == 18


def test_hidden_files_are_passed_over_and_others_are_named(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = folder / "images"
    (images / "._image_3.png").touch()
    (images / "@eaDir").mkdir()
    (images / "@eaDir" / "image_4.png").touch()
    (images / "image_5.png").rename(images / "image_5.PNG")
    (images / "image_6.png").rename(images / "image_6.webp")
    assert len(CcpKaggle.open(folder).numbers) == 17
    (line,) = caplog.messages
    assert f"1 files that are not numbered pictures (such as {images}/image_6.webp)" in line
    assert "1 labels without their photo" in line


def test_only_a_folder_with_a_list_of_colours_has_this_layout(
    folder: Path, ccp_folder: Path
) -> None:
    assert CcpKaggle.is_in(folder)
    assert not CcpKaggle.is_in(ccp_folder)


def test_a_colour_without_a_label_is_named_with_its_file(folder: Path) -> None:
    path = folder / "labels" / "pixel_level_labels_colored" / "0003.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[5, 7] = (9, 9, 9)
    Image.fromarray(pixels).save(path)
    with pytest.raises(InvalidInputError, match=r"0003.png: the colour \(9, 9, 9\) at row 5"):
        CcpKaggle.open(folder).read(3)


def test_files_that_do_not_fit_are_refused(folder: Path) -> None:
    labels = folder / "labels" / "pixel_level_labels_colored"
    Image.fromarray(np.zeros((24, 17, 3), np.uint8)).save(labels / "0001.png")
    (labels / "0002.png").write_bytes(b"\x89PNG")
    dataset = CcpKaggle.open(folder)
    with pytest.raises(InvalidInputError, match="must have the same size"):
        dataset.read(1)
    with pytest.raises(InvalidInputError, match=r"0002\.png cannot be read as a picture"):
        dataset.read(2)
    (folder / "images" / "photo_0003.jpg").write_bytes(b"")
    with pytest.raises(InvalidInputError, match="have the same number"):
        CcpKaggle.open(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("class_name,r,g\nnone,1,2\n", "has no column 'b'"),
        ("class_name,r,g,b\nnone,1,2,300\n", "values outside of 0 to 255"),
        ("class_name,r,g,b\nnone,1,2,x\n", "cannot be read as a list of colours"),
        ("class_name,r,g,b\nnone,1,2,3\nhair,1,2,3\n", "have the same colour"),
        ("class_name,r,g,b\n", "cannot be read as a list of colours"),
    ],
)
def test_a_damaged_list_of_colours_is_refused(folder: Path, content: str, message: str) -> None:
    (folder / "class_dict.csv").write_text(content)
    with pytest.raises(InvalidInputError, match=message):
        CcpKaggle.open(folder)


def test_what_is_missing_is_said_to_be_missing(folder: Path) -> None:
    for path in (folder / "images").iterdir():
        path.unlink()
    with pytest.raises(InvalidInputError, match="no photo with coloured labels"):
        CcpKaggle.open(folder)
    (folder / "images").rmdir()
    with pytest.raises(FileNotFoundError):
        CcpKaggle.open(folder)
