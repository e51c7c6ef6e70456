"""Cuts one person's frames and skeletons from a video, for `fit synthesis --frames`.

MediaPipe finds the landmarks of every n-th frame (`--model`), or a file gives them. All frames are
cut by one window around everything that the person does, so that the background stands still; with
--follow the window goes along with the person, for a camera that does. What the window shows
outside of the video repeats the video's border. A stopped command goes on where it was.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter1d
from tqdm import tqdm

from model.errors import InvalidInputError
from model.video import read_video
from training.arguments import at_least, output_folder
from training.engine.atomic import replacing, write_text
from training.synthesis.driver import (
    Landmarks,
    detect_landmarks,
    given_landmarks,
    mediapipe_landmarks,
    source_of,
)
from training.synthesis.frames import PICTURES, write_landmarks

MARGIN = 0.12
"""Around the landmarks, over the longer side of their box: a hat and shoes lie outside of them."""
SMOOTHING = 6.0
"""Standard deviation in frames, with --follow, of the filter that steadies the window."""
SETTINGS_FILE, LANDMARKS_FILE = "video.json", "landmarks.npz"
JPEG_QUALITY = 95


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training data synthesis`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    add("--video", type=Path, required=True, metavar="FILE", help="of one person")
    add("--out", type=output_folder, required=True, metavar="DIR", help="folder to write to")
    found = parser.add_mutually_exclusive_group(required=True)
    found.add_argument("--model", type=Path, metavar="FILE", help="pose_landmarker_full.task")
    found.add_argument(
        "--landmarks", type=Path, metavar="FILE", help="NPZ with (M, 33, 3) of all frames"
    )
    add("--every", type=at_least(1), default=1, metavar="N", help="one frame in N (%(default)s)")
    add("--size", type=at_least(32), default=256, help="side of the frames (%(default)s)")
    add("--follow", action="store_true", help="let the window go along with the person")


def run(args: argparse.Namespace) -> int:
    """Find what is missing, cut all frames, write the skeletons."""
    _claim(args)
    if args.landmarks is not None:
        found = given_landmarks(args.landmarks, args.video, args.every)
    else:
        source = source_of(args.video, args.every, args.model)
        with mediapipe_landmarks(args.model) as detect:
            cache = args.out / LANDMARKS_FILE
            found = detect_landmarks(args.video, args.every, detect, source, cache)
    num = cut_frames(args.video, args.every, found, args.out, args.size, args.follow)
    nobody = len(found.numbers) - num
    sys.stdout.write(f"wrote {args.out}: {num} frames, {nobody} without a person left out\n")
    return 0


def cut_frames(
    video: Path, every: int, found: Landmarks, out: Path, size: int, follow: bool
) -> int:
    """Write the square frames with a person, and `skeletons.npz`. Says how many there are.

    Raises:
        InvalidInputError: Nobody is in any frame.
        StorageError: The disk is full or read-only.
    """
    windows: np.ndarray | None = None
    squared, names = [], []
    frames = read_video(video, every)
    bar = tqdm(frames, total=len(found.numbers), desc="frames", unit="frame")
    for place, (number, image) in enumerate(bar):
        height, width = image.shape[:2]
        if windows is None:
            windows = windows_of(found.landmarks, (height, width), follow)
        landmarks = found.landmarks[place]
        if not np.isfinite(landmarks).all():
            continue
        window, name = windows[place], f"{number:06d}.jpg"
        names.append(name)
        squared.append(_inside(landmarks, (height, width), window))
        path = out / PICTURES / name
        if not path.exists():
            with replacing(path) as temporary:
                Image.fromarray(cut(image, window, size)).save(
                    temporary, "JPEG", quality=JPEG_QUALITY
                )
    write_landmarks(out, np.stack(squared), tuple(names))
    return len(names)


def windows_of(landmarks: np.ndarray, size: tuple[int, int], follow: bool) -> np.ndarray:
    """Left, top and side in pixels of the square window of each frame, (N, 3).

    Args:
        landmarks: (N, 33, 3), NaN where nobody is.
        size: (height, width) of the video.
        follow: Whether the windows differ; else all are the same.

    Raises:
        InvalidInputError: Nobody is in any frame.
    """
    places = landmarks[..., :2] * [size[1], size[0]]
    there = np.flatnonzero(np.isfinite(places).all((1, 2)))
    if not len(there):
        raise InvalidInputError("nobody is found in any frame of the video")
    low, high = places[there].min(1), places[there].max(1)
    if not follow:
        low, high = low.min(0, keepdims=True), high.max(0, keepdims=True)
    side = float((high - low).max()) * (1 + 2 * MARGIN)
    centres = (low + high) / 2
    if not follow:
        centres = centres.repeat(len(landmarks), 0)
    else:
        frames = np.arange(len(landmarks))
        filled = [np.interp(frames, there, column) for column in centres.T]
        centres = gaussian_filter1d(np.stack(filled, -1), SMOOTHING, axis=0, mode="nearest")
    corners = np.rint(centres - side / 2)
    return np.concatenate([corners, np.full((len(corners), 1), np.rint(side))], 1)


def cut(image: np.ndarray, window: np.ndarray, size: int) -> np.ndarray:
    """What a window shows of a picture (H, W, 3), scaled to (S, S, 3).

    Args:
        image: uint8 RGB.
        window: (3,) left, top, side in whole pixels; it may leave the picture.
        size: S.
    """
    left, top, side = window.astype(int).tolist()
    rows = np.arange(top, top + side).clip(0, image.shape[0] - 1)
    columns = np.arange(left, left + side).clip(0, image.shape[1] - 1)
    inside = Image.fromarray(image[rows[:, None], columns])
    return np.asarray(inside.resize((size, size), Image.Resampling.BILINEAR))


def _inside(landmarks: np.ndarray, size: tuple[int, int], window: np.ndarray) -> np.ndarray:
    """Landmarks (33, 3) as fractions of the window's side."""
    height, width = size
    pixels = landmarks * [width, height, width] - [window[0], window[1], 0]
    found: np.ndarray = (pixels / window[2]).astype(np.float32)
    return found


def _claim(args: argparse.Namespace) -> None:
    """Refuse a folder with frames of another video, or cut otherwise."""
    if not args.video.is_file():
        raise FileNotFoundError(args.video)
    wanted = {
        "video": args.video.name,
        "bytes": args.video.stat().st_size,
        "every": args.every,
        "size": args.size,
        "follow": args.follow,
        "landmarks": args.landmarks.name if args.landmarks else args.model.name,
    }
    record = args.out / SETTINGS_FILE
    if record.exists() and (found := json.loads(record.read_text())) != wanted:
        raise InvalidInputError(
            f"{args.out} was made with {found}; it cannot be gone on with using {wanted}: choose "
            "another folder or the same settings"
        )
    write_text(record, json.dumps(wanted, indent=2) + "\n")
