from pathlib import Path

import numpy as np
import pytest

from model.errors import InvalidInputError
from model.synthesis.skeletons import Skeletons
from model.video import encode_mp4, has_video
from training.__main__ import main
from training.synthesis import driver
from training.synthesis.driver import detect_landmarks
from training.synthesis.frames import load_frames, read_landmarks
from training.synthesis.video_frames import cut, windows_of

needs_video = pytest.mark.skipif(not has_video(), reason="PyAV is not installed")
SIZE = (96, 160)
MARKED = 5
"""The landmark where the videos' bright square is."""


def landmarks_of(number: int) -> np.ndarray:
    """(33, 3) around a place that goes to the right; nobody in every seventh frame."""
    if number % 7 == 3:
        return np.full((33, 3), np.nan, np.float32)
    points = np.random.default_rng(0).uniform(-0.12, 0.12, (33, 3)).astype(np.float32)
    points[MARKED] = 0
    points[0, 1], points[27:29, 1] = -0.3, 0.35
    points[:, 0] += 0.25 + 0.02 * number
    points[:, 1] += 0.5
    return points


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Twenty-four frames with a bright square at landmark `MARKED`."""
    frames = np.full((24, *SIZE, 3), 60, np.uint8)
    for number, frame in enumerate(frames):
        x, y = 0.25 + 0.02 * number, 0.5
        row, column = int(y * SIZE[0]), int(x * SIZE[1])
        frame[row - 4 : row + 5, column - 4 : column + 5] = 230
    path = tmp_path / "person.mp4"
    path.write_bytes(encode_mp4(frames, 25.0))
    return path


@pytest.fixture
def landmarks(tmp_path: Path) -> Path:
    path = tmp_path / "landmarks.npz"
    np.savez(path, landmarks=np.stack([landmarks_of(number) for number in range(24)]))
    return path


def test_a_window_that_leaves_the_picture_repeats_its_border() -> None:
    image = np.arange(20, dtype=np.uint8).reshape(4, 5)[..., None].repeat(3, 2)
    found = cut(image, np.array([-2.0, -1.0, 6.0]), 6)[..., 0]
    np.testing.assert_array_equal(found, np.pad(image[..., 0], ((1, 1), (2, 0)), "edge")[:, :6])


def test_one_window_holds_everything_and_following_ones_go_along() -> None:
    places = np.stack([landmarks_of(number) for number in range(24)])
    still, moving = (windows_of(places, SIZE, follow) for follow in (False, True))
    assert len(np.unique(still, axis=0)) == 1
    assert moving[-1, 0] - moving[0, 0] > 30
    assert (moving[:, 2] < still[:, 2]).all()
    pixels = places[..., :2] * [SIZE[1], SIZE[0]]
    for windows in (still, moving):
        inside = (pixels - windows[:, None, :2]) / windows[:, None, 2:]
        there = np.isfinite(inside).all((1, 2))
        assert inside[there].min() >= 0
        assert inside[there].max() <= 1
    with pytest.raises(InvalidInputError, match="nobody is found"):
        windows_of(np.full((3, 33, 3), np.nan), SIZE, False)


@needs_video
@pytest.mark.parametrize("follow", [False, True])
def test_skeletons_lie_on_what_the_frames_show(
    video: Path, landmarks: Path, tmp_path: Path, follow: bool
) -> None:
    out = tmp_path / "anna"
    command = ["data", "synthesis", "--video", str(video), "--landmarks", str(landmarks)]
    command += ["--out", str(out), "--size", "96", *(["--follow"] if follow else [])]
    assert main(command) == 0
    found, names = read_landmarks(out)
    assert len(names) == 21  # nobody is in three frames
    frames = load_frames(out, 96)
    for picture, points in zip(frames.pictures, found, strict=True):
        x, y = (points[MARKED, :2] * 96).astype(int)
        assert picture[y, x, 0] > 180
        assert np.median(picture) < 100
    assert isinstance(frames.skeletons, Skeletons)
    # Another size needs another folder; the same settings are gone on with.
    assert main(command) == 0
    assert main([word.replace("96", "64") for word in command]) == 1


@needs_video
def test_a_stopped_search_goes_on_where_it_was(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "SAVE_EVERY", 5)
    looked: list[int] = []

    def detect(image: np.ndarray) -> np.ndarray:
        looked.append(int(image[..., 0].argmax()))
        if len(looked) == 8:
            raise KeyboardInterrupt
        return landmarks_of(len(looked) - 1)

    cache = tmp_path / "landmarks.npz"
    with pytest.raises(KeyboardInterrupt):
        detect_landmarks(video, 2, detect, "source", cache)
    found = detect_landmarks(video, 2, lambda image: landmarks_of(11), "source", cache)
    np.testing.assert_array_equal(found.numbers, np.arange(0, 24, 2))
    np.testing.assert_array_equal(found.landmarks[4], landmarks_of(4))
    np.testing.assert_array_equal(found.landmarks[5], landmarks_of(11))
    with pytest.raises(InvalidInputError, match="another video"):
        detect_landmarks(video, 2, detect, "other", cache)


@needs_video
def test_landmarks_that_do_not_fit_the_video_are_refused(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for rows, words in ((np.zeros((10, 33, 3)), "10 frames"), (np.zeros((24, 17, 2)), "17, 2")):
        path = tmp_path / "few.npz"
        np.savez(path, landmarks=rows)
        command = ["data", "synthesis", "--video", str(video), "--landmarks", str(path)]
        assert main([*command, "--out", str(tmp_path / "out")]) == 1
        assert words in capsys.readouterr().err
