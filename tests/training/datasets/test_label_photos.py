import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from model.errors import InvalidInputError
from training.__main__ import main
from training.datasets.label_photos import begun_labels, counts_text, label_all
from training.datasets.mediapipe_people import FoundPerson, PeopleDetector, people_detector
from training.datasets.photo_folders import PhotoFolder
from training.datasets.photo_labels import LABELS, MAX_SIDE, PhotoLabels, read_shrunk

HAS_MEDIAPIPE = importlib.util.find_spec("mediapipe") is not None


def labelled(folder: Path, out: Path, detect: PeopleDetector) -> PhotoLabels:
    folders = [PhotoFolder.open(folder)]
    return label_all(folders, begun_labels(out, "model.task", "ab" * 32, folders), detect)


def test_labels_are_read_as_they_were_written(
    photo_folder: Path, tmp_path: Path, detect: PeopleDetector
) -> None:
    written = labelled(photo_folder, tmp_path / "out", detect)
    read = PhotoLabels.load(tmp_path / "out")
    assert (read.model, read.model_sha256) == ("model.task", "ab" * 32)
    assert set(read.records) == set(written.records)
    for key, record in written.records.items():
        again = read.records[key]
        assert (again.size, again.nobody, again.covered) == (
            *(record.size, record.nobody, record.covered),
        )
        for person, same in zip(record.people, again.people, strict=True):
            np.testing.assert_allclose(same.keypoints, person.keypoints, atol=1e-3)
            assert same.source == person.source
    ids, alpha = read.read_masks("coco_cc_by/marked.png")
    assert (ids[20:180, 100:160] == 1).all()
    assert (alpha[20:180, 100:160] == 255).all()


def test_lines_are_json_and_say_what_is_known(
    photo_folder: Path, tmp_path: Path, detect: PeopleDetector
) -> None:
    labels = labelled(photo_folder, tmp_path / "out", detect)
    _, *lines = map(json.loads, (tmp_path / "out" / LABELS).read_text().splitlines())
    assert {
        line["photo"].split("/")[1]: (len(line["people"]), line["nobody"]) for line in lines
    } == {
        "empty.png": (0, True),
        "marked.png": (1, False),
        "nothing.png": (0, False),
        "unlabelled.png": (1, False),
    }
    assert counts_text(labels) == (
        "coco_cc_by: 4 photos, 2 with people, 1 with nobody, 1 unknown; 2 people (2 mediapipe)\n"
    )


def test_labelling_goes_on_where_it_was_interrupted(
    photo_folder: Path, tmp_path: Path, detect: PeopleDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.datasets.label_photos.SAVE_EVERY", 1)
    seen = []

    def interrupted(image: np.ndarray) -> list[FoundPerson]:
        seen.append(image.shape)
        if len(seen) > 5:
            raise KeyboardInterrupt
        return detect(image)

    with pytest.raises(KeyboardInterrupt):
        labelled(photo_folder, tmp_path / "out", interrupted)
    half = PhotoLabels.load(tmp_path / "out")
    assert 0 < len(half.records) < 4
    whole = labelled(photo_folder, tmp_path / "out", detect)
    assert len(whole.records) == 4

    def never(image: np.ndarray) -> list[FoundPerson]:
        raise AssertionError

    assert labelled(photo_folder, tmp_path / "out", never).records.keys() == whole.records.keys()


def test_labels_of_two_landmarkers_or_places_are_not_mixed(
    photo_folder: Path, tmp_path: Path, detect: PeopleDetector
) -> None:
    labelled(photo_folder, tmp_path / "out", detect)
    folders = [PhotoFolder.open(photo_folder)]
    with pytest.raises(InvalidInputError, match=r"was made with another model\.task"):
        begun_labels(tmp_path / "out", "model.task", "cd" * 32, folders)
    moved = tmp_path / "elsewhere" / "coco_cc_by"
    moved.parent.mkdir()
    photo_folder.rename(moved)
    with pytest.raises(InvalidInputError, match="has the same name"):
        begun_labels(tmp_path / "out", "model.task", "ab" * 32, [PhotoFolder.open(moved)])


def test_damaged_labels_are_named(
    photo_folder: Path, tmp_path: Path, detect: PeopleDetector
) -> None:
    labels = labelled(photo_folder, tmp_path / "out", detect)
    path = tmp_path / "out" / LABELS
    text = path.read_text()
    for content in ("", "text", text[:-40], text.replace("labels-1", "labels-0")):
        path.write_text(content)
        with pytest.raises(InvalidInputError, match=r"labels\.jsonl"):
            PhotoLabels.load(tmp_path / "out")
    labels.mask_path("coco_cc_by/marked.png").write_bytes(b"nothing of the kind")
    with pytest.raises(InvalidInputError, match=r"marked\.png\.png cannot be read"):
        labels.read_masks("coco_cc_by/marked.png")
    with pytest.raises(FileNotFoundError):
        PhotoLabels.load(tmp_path)


def test_large_photos_are_labelled_small(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (3 * MAX_SIDE, MAX_SIDE)).save(tmp_path / "large.png")
    assert read_shrunk(tmp_path / "large.png").shape == (round(MAX_SIDE / 3), MAX_SIDE, 3)


@pytest.mark.skipif(HAS_MEDIAPIPE, reason="mediapipe is installed")
def test_without_mediapipe_the_command_says_how_to_get_it(
    photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.task").touch()
    options = ["--photos", str(photo_folder), "--model", str(tmp_path / "model.task")]
    assert main(["data", "label-photos", *options, "--out", str(tmp_path / "out")]) == 1
    assert "pip install -e '.[pose]'" in capsys.readouterr().err


@pytest.mark.shared_data
@pytest.mark.skipif(not HAS_MEDIAPIPE, reason="mediapipe is not installed (extra `pose`)")
def test_mediapipe_finds_two_people_with_their_masks(shared_data: Path) -> None:
    photos = shared_data / "photos" / "coco_cc_by" / "images"
    with people_detector(shared_data.parent / "models" / "pose_landmarker_full.task") as detect:
        people = detect(read_shrunk(photos / "000000000165.jpg"))
        assert detect(np.full((64, 64, 3), 127, np.uint8)) == []
    assert len(people) == 2
    for person in people:
        assert person.mask.dtype == np.uint8
        assert 0.1 < (person.mask > 127).mean() < 0.5
