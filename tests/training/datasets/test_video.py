"""Frames of videos, by PyAV where it is installed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from model.errors import HabitusError, InvalidInputError
from training.datasets.video import video_frames

HAS_AV = importlib.util.find_spec("av") is not None


def write_video(path: Path, num_frames: int = 6) -> None:
    """Pictures that grow brighter."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(num_frames):
            pixels = np.full((48, 64, 3), 30 * number, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


@pytest.mark.skipif(not HAS_AV, reason="PyAV is not installed")
def test_one_frame_in_so_many_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path)
    found = list(video_frames(path, 2))
    assert [number for number, _ in found] == [0, 2, 4]
    for number, image in found:
        assert image.shape == (48, 64, 3)
        assert abs(float(image.mean()) - 30 * number) < 6


@pytest.mark.skipif(not HAS_AV, reason="PyAV is not installed")
def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.mp4").write_bytes(b"nothing of the kind")
    with pytest.raises(InvalidInputError, match=r"b\.mp4 is not a readable video"):
        next(video_frames(tmp_path / "b.mp4"))
    with pytest.raises(FileNotFoundError):
        next(video_frames(tmp_path / "c.mp4"))


@pytest.mark.skipif(HAS_AV, reason="PyAV is installed")
def test_without_pyav_the_error_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(HabitusError, match=r"\[pose\]"):
        next(video_frames(tmp_path / "a.mp4"))
