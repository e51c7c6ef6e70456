import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.errors import HabitusError, InvalidInputError
from training.__main__ import main
from training.datasets.ccp import ClothingCoParsing
from training.datasets.ccp_keypoints import NOBODY, STORED, CcpKeypoints, Pose
from training.datasets.detect_keypoints import (
    detect_all,
    mediapipe_detector,
    stored_or_empty,
)

HAS_MEDIAPIPE = importlib.util.find_spec("mediapipe") is not None


def pose_of(value: float) -> Pose:
    return Pose(np.full((33, 2), value, np.float32), np.full(33, 0.5, np.float32))


def some() -> CcpKeypoints:
    empty = CcpKeypoints.empty("model.task", "ab" * 32)
    return empty.extended([5, 2, 9], [(60, 40)] * 3, [pose_of(0.5), NOBODY, pose_of(0.9)])


def test_keypoints_are_read_as_they_were_written(tmp_path: Path) -> None:
    some().save(tmp_path / "points.npz")
    read = CcpKeypoints.load(tmp_path / "points.npz")
    assert (read.model, read.model_sha256) == ("model.task", "ab" * 32)
    assert read.numbers.tolist() == [2, 5, 9]
    assert read.digest() == some().digest()
    assert read.pose(9, (60, 40)).landmarks.max() == np.float32(0.9)
    assert read.pose(9, (60, 40)).found
    assert not read.pose(2, (60, 40)).found


def test_photos_are_known_by_number_and_size() -> None:
    keypoints = some()
    number, size = int(keypoints.numbers[0]), tuple(keypoints.sizes[0].tolist())
    assert keypoints.holds(number, size)
    assert not keypoints.holds(number, size[::-1])
    assert not keypoints.holds(10**6, size)


def test_a_photo_must_be_the_one_that_was_looked_at() -> None:
    with pytest.raises(InvalidInputError, match="3 other photos, not of photo 3"):
        some().pose(3, (60, 40))
    with pytest.raises(InvalidInputError, match="in a picture of 40x60 pixels; this one has 40x50"):
        some().pose(5, (50, 40))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("numbers", lambda a: a[::-1], "not ascending"),
        ("visibility", lambda a: a + 1, "visibility is outside of 0 to 1"),
        ("visibility", lambda a: a[:2], r"visibility is float32 of \(2, 33\)"),
        ("landmarks", lambda a: a.astype(np.float64), "landmarks is float64"),
        (
            "landmarks",
            lambda a: np.where(a > 0.8, np.inf, a),
            "landmarks of photo 9 are partly NaN",
        ),
        ("format", lambda a: "other-1", "has the format other-1"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    tmp_path: Path, name: str, change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    path = tmp_path / "points.npz"
    some().save(path)
    with np.load(path) as file:
        content = dict(file.items())
    np.savez(path, **content | {name: change(content[name])})
    with pytest.raises(InvalidInputError, match=message):
        CcpKeypoints.load(path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "points.npz"
    some().save(path)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:-40], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(InvalidInputError, match=re.escape(str(path))):
            CcpKeypoints.load(path)
    np.savez(path, format="habitus-ccp-keypoints-1")
    with pytest.raises(InvalidInputError, match="cannot be read as keypoints"):
        CcpKeypoints.load(path)
    with pytest.raises(FileNotFoundError):
        CcpKeypoints.load(tmp_path / "nowhere.npz")


def test_detection_goes_on_where_it_was_interrupted(
    ccp_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.datasets.detect_keypoints.SAVE_EVERY", 10)
    dataset = ClothingCoParsing.open(ccp_folder)
    out = tmp_path / "points.npz"
    seen: list[float] = []

    def detect(image: np.ndarray) -> Pose:
        if len(seen) == 25:
            raise KeyboardInterrupt
        seen.append(float(image.mean()))
        return pose_of(image.mean() / 255)

    with pytest.raises(KeyboardInterrupt):
        detect_all(dataset, detect, stored_or_empty(out, "model.task", "ab"), out)
    half = stored_or_empty(out, "model.task", "ab")
    assert half.numbers.tolist() == list(dataset.numbers[:20])
    seen.clear()
    whole = detect_all(dataset, detect, half, out)
    assert len(seen) == len(dataset.numbers) - 20
    assert whole.numbers.tolist() == list(dataset.numbers)
    assert CcpKeypoints.load(out).digest() == whole.digest()
    for number in (1, 25, 40):
        image = dataset.read(number).image
        assert whole.pose(number, (60, 40)).landmarks[0, 0] == np.float32(image.mean() / 255)
    seen.clear()
    detect_all(dataset, detect, whole, out)
    assert seen == []


def test_keypoints_of_two_landmarkers_are_not_mixed(tmp_path: Path) -> None:
    some().save(tmp_path / "points.npz")
    with pytest.raises(InvalidInputError, match=r"was made with another model\.task"):
        stored_or_empty(tmp_path / "points.npz", "model.task", "cd" * 32)


def test_the_stored_keypoints_are_of_every_labelled_photo_and_no_test_photo() -> None:
    stored = CcpKeypoints.load(STORED)
    assert stored.model == "pose_landmarker_full.task"
    assert len(stored.numbers) == 904
    assert not (stored.numbers % 10 == 7).any()
    assert STORED.stat().st_size < 1_000_000
    assert np.isfinite(stored.landmarks).all()
    # People in street photos stand with their heads up: noses above ankles.
    assert (stored.landmarks[:, 0, 1] < stored.landmarks[:, 27:29, 1].min(1)).mean() > 0.99


@pytest.mark.shared_data
def test_the_stored_keypoints_fit_the_photos(shared_data: Path) -> None:
    dataset = ClothingCoParsing.open(shared_data / "ccp")
    stored = CcpKeypoints.load(STORED)
    assert stored.numbers.tolist() == list(dataset.numbers)
    for number in dataset.numbers[::100]:
        with Image.open(dataset.root / "photos" / f"{number:04d}.jpg") as photo:
            assert stored.pose(number, (photo.height, photo.width)).found


def test_without_mediapipe_the_command_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with (
        pytest.raises(HabitusError, match=r"pip install -e '\.\[pose\]'"),
        mediapipe_detector(tmp_path / "model.task"),
    ):
        pass


@pytest.mark.shared_data
@pytest.mark.skipif(not HAS_MEDIAPIPE, reason="mediapipe is not installed (extra `pose`)")
def test_mediapipe_finds_what_is_stored(shared_data: Path) -> None:
    dataset = ClothingCoParsing.open(shared_data / "ccp")
    number = dataset.numbers[0]
    image = dataset.read(number).image
    with mediapipe_detector(shared_data.parent / "models" / "pose_landmarker_full.task") as detect:
        pose = detect(image)
        assert not detect(np.full((64, 64, 3), 127, np.uint8)).found
    stored = CcpKeypoints.load(STORED).pose(number, (image.shape[0], image.shape[1]))
    np.testing.assert_allclose(pose.landmarks, stored.landmarks, atol=0.01)


@pytest.mark.skipif(not HAS_MEDIAPIPE, reason="mediapipe is not installed (extra `pose`)")
def test_a_file_that_is_no_landmarker_is_named(
    ccp_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.task").write_bytes(b"nothing of the kind")
    options = ["--ccp", str(ccp_folder), "--model", str(tmp_path / "model.task")]
    assert main(["data", "keypoints", *options, "--out", str(tmp_path / "points.npz")]) == 1
    assert "model.task is not a pose landmarker" in capsys.readouterr().err
    assert not (tmp_path / "points.npz").exists()
