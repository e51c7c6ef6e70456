from pathlib import Path

import numpy as np
import pytest

from model import video
from model.errors import HabitusError, InvalidInputError

needs_video = pytest.mark.skipif(not video.has_video(), reason="PyAV is not installed")


@needs_video
def test_frames_come_back_in_order_and_nearly_the_same(tmp_path: Path) -> None:
    greys = np.linspace(10, 245, 12).round().astype(np.uint8)
    frames = greys[:, None, None, None].repeat(48, 1).repeat(64, 2).repeat(3, 3)
    path = tmp_path / "ramp.mp4"
    path.write_bytes(video.encode_mp4(frames, 12.5))
    assert video.describe_video(path) == (12, 12.5)
    found = list(video.read_video(path, every=5))
    assert [number for number, _ in found] == [0, 5, 10]
    for number, pixels in found:
        assert pixels.shape == (48, 64, 3)
        assert np.abs(pixels.astype(int) - greys[number]).mean() < 4


@needs_video
def test_an_odd_side_loses_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    path.write_bytes(video.encode_mp4(np.full((3, 33, 47, 3), 99, np.uint8), 25.0))
    [(_, pixels), *_] = video.read_video(path)
    assert pixels.shape == (32, 46, 3)


@needs_video
def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("hello, I am a video")
    with pytest.raises(InvalidInputError, match=r"text\.mp4 is no video"):
        list(video.read_video(path))
    with pytest.raises(FileNotFoundError):
        video.describe_video(tmp_path / "none.mp4")


def test_without_pyav_the_message_says_what_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(video.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(HabitusError, match=r"pip install 'habitus\[video\]'"):
        list(video.read_video(tmp_path / "a.mp4"))
    with pytest.raises(HabitusError, match="PyAV"):
        video.encode_mp4(np.zeros((1, 8, 8, 3), np.uint8), 25.0)
