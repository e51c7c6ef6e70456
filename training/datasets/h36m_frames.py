"""Takes frames out of the videos of Human3.6M.

    S9/Videos/Directions 1.54138969.mp4   ->   images/S9_Directions_1.54138969_000001.jpg

Every fifth frame, as SPIN does. A video is done when its last frame is written: an interrupted
command goes on with the video that it stopped in. Needs PyAV, the extra `video`.

Source: the names are those of SPIN (Kolotouros et al., ICCV 2019).
"""

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from model.errors import InvalidInputError
from training.arguments import at_least, output_folder
from training.engine.atomic import replacing, write_text

EVERY = 5
QUALITY = 95
"""Of the JPEG files."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training data h36m-frames`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.add_argument(
        "--root",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of S9/Videos, S11/Videos ... of Human3.6M",
    )
    parser.add_argument(
        "--out", type=output_folder, required=True, metavar="DIR", help="where images/ goes"
    )
    parser.add_argument(
        "--every", type=at_least(1), default=EVERY, metavar="N", help="one frame in N (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Extract what is not there yet."""
    videos = find_videos(args.root)
    number = 0
    for video in tqdm(videos, desc="videos", unit="video"):
        number += extract(video, args.out, args.every)
    sys.stdout.write(f"{number} new frames of {len(videos)} videos are in {args.out / 'images'}\n")
    return 0


def find_videos(root: Path) -> list[Path]:
    """The videos of all subjects.

    Raises:
        FileNotFoundError: The folder does not exist.
        InvalidInputError: It holds no video.
    """
    if not root.is_dir():
        raise FileNotFoundError(root)
    videos = sorted(path for path in root.glob("S*/Videos/*.mp4") if "_ALL" not in path.name)
    if not videos:
        raise InvalidInputError(f"{root} holds no S*/Videos/*.mp4")
    return videos


def frame_name(video: Path, number: int) -> str:
    """The file of a frame.

    Args:
        video: Its video, below the subject's folder.
        number: From 0.
    """
    subject = video.parent.parent.name
    return f"{subject}_{video.stem.replace(' ', '_')}_{number + 1:06d}.jpg"


def extract(video: Path, out: Path, every: int) -> int:
    """Write one frame in `every`; the number of files written now.

    Args:
        video: To read.
        out: `images/` is made in it.
        every: Distance of the frames.

    Raises:
        InvalidInputError: PyAV is not installed, or the video cannot be read.
        StorageError: The disk is full.
    """
    done = out / "done" / f"{video.parent.parent.name} {video.stem}.txt"
    if done.exists() and done.read_text() == str(every):
        return 0
    written = 0
    for number, frame in enumerate(read_frames(video)):
        path = out / "images" / frame_name(video, number)
        if number % every or path.exists():
            continue
        with replacing(path) as temporary:
            Image.fromarray(frame).save(temporary, "JPEG", quality=QUALITY)
        written += 1
    write_text(done, str(every))
    return written


def read_frames(video: Path) -> Iterator[np.ndarray]:
    """Every frame of a video, (H, W, 3) uint8 RGB.

    Raises:
        InvalidInputError: PyAV is not installed, or the video cannot be read.
    """
    try:
        av: Any = importlib.import_module("av")
    except ModuleNotFoundError as error:
        raise InvalidInputError("PyAV is not installed: pip install 'habitus[video]'") from error
    try:
        with av.open(str(video)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")
    except (av.error.FFmpegError, IndexError) as error:
        raise InvalidInputError(f"{video} cannot be read: {error}") from error
