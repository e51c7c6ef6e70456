from pathlib import Path

import numpy as np
import pytest

from model.errors import InvalidInputError
from model.synthesis.skeletons import Skeletons
from training.synthesis.frames import (
    PersonFrames,
    load_frames,
    splits_in_time,
    square_picture,
    write_landmarks,
)


@pytest.fixture(scope="module")
def frames(frames_folder: Path) -> PersonFrames:
    return load_frames(frames_folder, 32)


def test_the_test_split_is_the_last_fifth_and_validation_lies_in_blocks_before() -> None:
    splits = splits_in_time(1500)
    assert (splits[1200:] == "test").all()
    assert (splits[:1200] != "test").all()
    chosen = np.flatnonzero(splits == "validation")
    assert len(chosen) == pytest.approx(0.08 * 1200, abs=5)
    assert (np.diff(chosen) > 1).sum() == 4
    assert {*splits_in_time(20)} == {"training", "validation", "test"}


def test_frames_without_a_person_are_left_out(frames: PersonFrames) -> None:
    assert len(frames) == 39
    assert "020.png" not in frames.files
    assert frames.name == "anna"
    together = np.concatenate([frames.of_split(s) for s in ("training", "validation", "test")])
    assert sorted(together.tolist()) == list(range(39))


def test_points_lie_on_what_the_square_picture_shows_there(frames: PersonFrames) -> None:
    for number in (0, 17, 38):
        picture = frames.pictures[number].astype(int)
        inside = (frames.skeletons.points[number] * 32).astype(int)
        reds = picture[inside[:, 1], inside[:, 0], 0]
        assert (reds > 100).mean() > 0.9
        assert picture[1, 1, 0] < 20


def test_a_square_is_cut_from_the_middle() -> None:
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = 200
    assert (square_picture(image, 5) == 200).all()


def test_a_damaged_folder_is_refused(frames_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_frames(tmp_path, 32)
    (tmp_path / "skeletons.npz").write_bytes(b"no archive")
    with pytest.raises(InvalidInputError, match="no file of landmarks"):
        load_frames(tmp_path, 32)
    write_landmarks(tmp_path, np.zeros((30, 17, 2), np.float32), ("a.png",) * 30)
    with pytest.raises(InvalidInputError, match=r"\(30, 17, 2\)"):
        load_frames(tmp_path, 32)
    write_landmarks(tmp_path, np.zeros((5, 13, 2), np.float32), ("a.png",) * 5)
    with pytest.raises(InvalidInputError, match="5 frames with a person; at least 20"):
        load_frames(tmp_path, 32)


def test_depth_is_kept_in_the_unit_of_the_square(tmp_path: Path, frames_folder: Path) -> None:
    (tmp_path / "frames").symlink_to(frames_folder / "frames")
    landmarks = np.full((24, 33, 3), 0.5, np.float32)
    names = tuple(f"{number:03d}.png" for number in range(24))
    write_landmarks(tmp_path, landmarks, names)
    found = load_frames(tmp_path, 16).skeletons
    assert isinstance(found, Skeletons)
    assert found.landmarks is not None
    # The frames are 72 wide and 64 high: half of the width is 36 of the square's 64 pixels.
    np.testing.assert_allclose(found.landmarks[..., 2], 36 / 64)
    np.testing.assert_allclose(found.points, 0.5)
