from pathlib import Path

import pytest
from scipy.io import savemat

from model.errors import InvalidInputError
from training.datasets.photo_folders import PhotoFolder, open_folders


def test_a_collection_has_its_photos_and_its_labels(photo_folder: Path) -> None:
    folder = PhotoFolder.open(photo_folder)
    names = ["empty", "marked", "nothing", "unlabelled"]
    assert list(folder.photos) == [f"coco_cc_by/{name}.png" for name in names]
    assert set(folder.known) == {"coco_cc_by/empty.png", "coco_cc_by/marked.png"}
    assert folder.split("coco_cc_by/empty.png") in {"training", "validation", "test"}


def test_photos_are_found_in_folders_of_any_depth(tmp_path: Path) -> None:
    for name in ("a.JPG", "in/b.png", "in/deeper/c.webp", "in/d.txt", ".hidden/e.jpg"):
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).touch()
    folder = PhotoFolder.open(tmp_path / "own", ["own/in/*"])
    assert list(folder.photos) == ["own/a.JPG", "own/in/b.png", "own/in/deeper/c.webp"]
    assert {key for key, people in folder.known.items() if people.nobody} == {
        *("own/in/b.png", "own/in/deeper/c.webp")
    }


def test_of_clothing_co_parsing_all_but_the_reserved_photos_are_taken(ccp_folder: Path) -> None:
    tags = ccp_folder / "annotations" / "image-level"
    tags.mkdir()
    for number in (5, 7, 9):
        (ccp_folder / "annotations" / "pixel-level" / f"{number:04d}.mat").unlink()
        savemat(tags / f"{number:04d}.mat", {"tags": [[1, 2]]})
    folder = PhotoFolder.open(ccp_folder)
    assert folder.is_ccp
    assert list(folder.photos) == [f"ccp/{n:04d}.jpg" for n in range(1, 41) if n % 10 != 7]
    assert set(folder.photos) - folder.with_pixel_labels == {"ccp/0005.jpg", "ccp/0009.jpg"}


def test_what_cannot_be_used_is_said(photo_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PhotoFolder.open(tmp_path / "nowhere")
    (tmp_path / "other" / "coco_cc_by").mkdir(parents=True)
    with pytest.raises(InvalidInputError, match="holds no photos"):
        PhotoFolder.open(tmp_path / "other")
    (tmp_path / "other" / "coco_cc_by" / "a.jpg").touch()
    with pytest.raises(InvalidInputError, match="two folders are named coco_cc_by"):
        open_folders([photo_folder, tmp_path / "other" / "coco_cc_by"])
    with pytest.raises(InvalidInputError, match="no photo is named cats/"):
        open_folders([photo_folder], ["cats/*"])
