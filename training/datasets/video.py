"""Frames of a video file, by PyAV."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from model.errors import HabitusError, InvalidInputError


def video_frames(path: Path, every: int = 1) -> Iterator[tuple[int, np.ndarray]]:
    """Numbers of frames, from 0, and their pictures (H, W, 3) uint8 RGB.

    Args:
        path: The file.
        every: Decode one frame in so many, the first among them.

    Raises:
        FileNotFoundError: There is no such file.
        HabitusError: PyAV is not installed.
        InvalidInputError: It is no video, or is damaged.
    """
    if importlib.util.find_spec("av") is None:
        raise HabitusError("PyAV is not installed; pip install -e '.[pose]' brings it")
    import av

    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InvalidInputError(f"{path} has no pictures")
            for number, frame in enumerate(container.decode(video=0)):
                if number % every == 0:
                    yield number, frame.to_ndarray(format="rgb24")
    except av.error.FFmpegError as error:
        raise InvalidInputError(f"{path} is not a readable video: {error}") from error
