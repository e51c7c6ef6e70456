"""Reads and writes videos with PyAV, which the extra `video` installs.

N frames, H W a frame's size.
"""

import importlib.util
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from model.errors import HabitusError, InvalidInputError

CRF = 20
"""Quality of H.264: constant rate factor, 0 (lossless) to 51."""
MAX_SIDE = 8192


def has_video() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def _av() -> Any:
    """PyAV.

    Raises:
        HabitusError: It is not installed.
    """
    if not has_video():
        raise HabitusError("videos need PyAV: pip install 'habitus[video]'")
    import av

    return av


def read_video(path: Path, every: int = 1) -> Iterator[tuple[int, UInt8[np.ndarray, "_ _ 3"]]]:
    """Number and pixels (H, W, 3) RGB of every n-th frame, from the first.

    Args:
        path: Any file that FFmpeg reads.
        every: n.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It is no video, or damaged.
        HabitusError: PyAV is not installed.
    """
    av = _av()
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with av.open(str(path)) as container:
            stream = _video_stream(container, path)
            for number, frame in enumerate(container.decode(stream)):
                if number % every == 0:
                    yield number, frame.to_ndarray(format="rgb24")
    except av.FFmpegError as error:
        raise InvalidInputError(f"{path} is no video that can be read: {error}") from error


def describe_video(path: Path) -> tuple[int, float]:
    """Number of frames, or 0 where the file does not say; frames a second, or 25.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidInputError: It is no video.
        HabitusError: PyAV is not installed.
    """
    av = _av()
    if not path.is_file():
        raise FileNotFoundError(path)
    try:
        with av.open(str(path)) as container:
            stream = _video_stream(container, path)
            return int(stream.frames), float(stream.average_rate or 25)
    except av.FFmpegError as error:
        raise InvalidInputError(f"{path} is no video that can be read: {error}") from error


def encode_mp4(frames: UInt8[np.ndarray, "N H W 3"], frames_per_second: float) -> bytes:
    """Frames as an MP4 file with H.264; sides that are odd lose their last row or column.

    Args:
        frames: RGB; sides from 2 to 8192.
        frames_per_second: Positive.

    Raises:
        ValueError: There is no frame, or a side is out of its range.
        HabitusError: PyAV is not installed.
    """
    av = _av()
    num, height, width = frames.shape[:3]
    if not num or not 2 <= min(height, width) <= max(height, width) <= MAX_SIDE:
        raise ValueError(f"frames are {frames.shape}; sides from 2 to {MAX_SIDE} are needed")
    # Colours have half the resolution: H.264 players read no other format everywhere.
    height, width = height // 2 * 2, width // 2 * 2
    buffer = io.BytesIO()
    rate = round(frames_per_second * 1000)
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", Fraction(rate, 1000), {"crf": str(CRF)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.thread_count = 1
        for pixels in frames:
            inside = np.ascontiguousarray(pixels[:height, :width])
            frame = av.VideoFrame.from_ndarray(inside, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def _video_stream(container: Any, path: Path) -> Any:
    if not container.streams.video:
        raise InvalidInputError(f"{path} has no video, only sound or data")
    return container.streams.video[0]
