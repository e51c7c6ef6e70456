from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import InvalidInputError
from training.__main__ import main
from training.photos.body_evidence import BACKGROUND, BODY
from training.photos.label_photos import begun_labels, label_all
from training.photos.labelled_photos import LabelledPhotos
from training.photos.mediapipe_people import PeopleDetector
from training.photos.photo_folders import PhotoFolder


@pytest.fixture
def labels(photo_folder: Path, tmp_path: Path, detect: PeopleDetector) -> Path:
    folders = [PhotoFolder.open(photo_folder)]
    out = tmp_path / "out"
    label_all(folders, begun_labels(out, "model.task", "ab" * 32, folders), detect)
    return out


def test_photos_of_which_something_is_known_are_there(labels: Path) -> None:
    photos = LabelledPhotos(labels)
    keys = [photos.key(index) for index in range(len(photos))]
    assert keys == [f"coco_cc_by/{name}.png" for name in ("empty", "marked", "unlabelled")]
    photo = photos[1]
    assert photo.image.shape == (200, 300, 3)
    assert photo.ids.shape == photo.alpha.shape == (200, 300)
    assert (photo.evidence()[:, :90] == BACKGROUND).all()
    assert (photo.evidence() == BODY).any()
    assert photos.stamp(0) != photos.stamp(1)


def test_photos_with_nobody_can_be_asked_for(labels: Path) -> None:
    photos = LabelledPhotos(labels, nobody=True)
    assert len(photos) == 1
    empty = photos[0]
    assert empty.nobody
    assert empty.people == ()
    assert (empty.evidence() == BACKGROUND).all()
    assert len(LabelledPhotos(labels, nobody=False)) == 2


def test_splits_share_out_the_photos(labels: Path) -> None:
    found: list[str] = []
    for split in ("training", "validation", "test"):
        try:
            photos = LabelledPhotos(labels, split)
        except InvalidInputError:
            continue
        found += [photos.key(index) for index in range(len(photos))]
    assert len(found) == len(set(found)) == 3


def test_a_photo_that_has_changed_is_refused(labels: Path, photo_folder: Path) -> None:
    Image.new("RGB", (30, 40)).save(photo_folder / "images" / "marked.png")
    with pytest.raises(InvalidInputError, match="has changed since it was labelled"):
        LabelledPhotos(labels)[1]


def test_a_contact_sheet_shows_photos_persons_and_evidence(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.png"
    arguments = ["--labels", str(labels), "--out", str(out), "--count", "9"]
    assert main(["figures", "photo-labels", *arguments]) == 0
    assert "2 of 2 photos with people" in capsys.readouterr().out
    with Image.open(out) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    magenta = (pixels[..., 0] > 150) & (pixels[..., 1] < 30) & (pixels[..., 2] > 150)
    assert magenta.any()
