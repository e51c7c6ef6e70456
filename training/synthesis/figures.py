"""Draws a person in a driver's poses: source frame, skeleton and result side by side.

The driver is a video, whose landmarks MediaPipe finds (`--model`) or a file gives, or a folder of
frames with `skeletons.npz`. Their skeletons are brought to the person's place and height first,
unless --as-they-are is given. Where nobody is found, the skeleton is interpolated or held.

The ending of --out decides: .mp4 (needs the extra `video`), .webp and .gif are animations; .png and
.jpg are a sheet of evenly spaced frames.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from model.errors import HabitusError, InvalidInputError
from model.synthesis.normalisation import Stance, normalise
from model.synthesis.person import METHODS
from model.synthesis.predictor import Performance, SynthesisPredictor
from model.synthesis.skeletons import Skeletons, fill_gaps, in_square
from model.video import describe_video, encode_mp4, has_video, read_video
from training.arguments import at_least, device, output_file
from training.datasets.photo import read_photo
from training.engine.atomic import replacing
from training.engine.precision import pick_device
from training.reporting.contact_sheet import Tile, contact_sheet
from training.synthesis.driver import (
    detect_landmarks,
    given_landmarks,
    mediapipe_landmarks,
    source_of,
)
from training.synthesis.evaluate import sticks_picture
from training.synthesis.frames import PICTURES, read_landmarks, square_picture

ANIMATIONS, SHEETS = (".mp4", ".webp", ".gif"), (".png", ".jpg")
ON_SHEET = 12
"""Frames of a sheet."""


class Driver(NamedTuple):
    """Somebody's frames and skeletons."""

    pictures: np.ndarray
    """(N, S, S, 3) uint8: the central squares."""
    skeletons: Skeletons
    """Within these squares; NaN where nobody is."""
    frames_per_second: float


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training figures synthesis`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    default = Path("checkpoints/synthesis.safetensors")
    add("--checkpoint", type=Path, default=default, help="(%(default)s)")
    add("--driver", type=Path, required=True, metavar="PATH", help="a video, or a folder of frames")
    add("--out", type=output_file, required=True, metavar="FILE", help="video, animation or sheet")
    add("--model", type=Path, metavar="FILE", help="of a video: pose_landmarker_full.task")
    add("--landmarks", type=Path, metavar="FILE", help="of a video: NPZ with (M, 33, 3)")
    add("--person", metavar="NAME", help="(the checkpoint's own)")
    add("--method", choices=METHODS, help="(the best that the person has)")
    add("--every", type=at_least(1), default=1, metavar="N", help="one frame in N (%(default)s)")
    add("--limit", type=at_least(1), metavar="N", help="so many frames at most")
    add("--size", type=at_least(32), default=256, help="side of each panel (%(default)s)")
    add("--rate", type=at_least(1), metavar="FPS", help="of a folder's frames a second (10)")
    add("--as-they-are", action="store_true", help="do not normalise the skeletons")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Draw and write."""
    ending = args.out.suffix.lower()
    if ending not in ANIMATIONS + SHEETS:
        raise InvalidInputError(
            f"{args.out} ends in {ending!r}; {', '.join(ANIMATIONS + SHEETS)} are written"
        )
    if ending == ".mp4" and not has_video():
        raise HabitusError("videos need PyAV: pip install 'habitus[video]'; .webp needs nothing")
    predictor = SynthesisPredictor.from_checkpoint(args.checkpoint, pick_device(args.device))
    driver = read_driver(args)
    skeletons = fill_gaps(driver.skeletons)
    asked = Performance(skeletons, args.person, args.method)
    person, method = predictor.check(asked)
    if not args.as_they_are:
        skeletons = normalise(skeletons, Stance.of(skeletons), predictor.stance(person))
    parts = predictor.split(Performance(skeletons, person, method), 16)
    drawn = np.concatenate(
        [predictor.predict_batch([part])[0].frames for part in tqdm(parts, desc="drawing")]
    )
    if ending in SHEETS:
        _write_sheet(args.out, driver, skeletons, drawn)
    else:
        frames = side_by_side(driver.pictures, skeletons, drawn, args.size)
        _write_animation(args.out, frames, driver.frames_per_second)
    sys.stdout.write(f"wrote {args.out}: {len(drawn)} frames of {person} by {method}\n")
    return 0


def read_driver(args: argparse.Namespace) -> Driver:
    """The frames and skeletons that the command line names.

    Raises:
        InvalidInputError: They cannot be read, or a video has no landmarks.
    """
    if args.driver.is_dir():
        landmarks, names = read_landmarks(args.driver)
        chosen = range(0, len(names), args.every)[: args.limit]
        images = [read_photo(args.driver / PICTURES / names[number]) for number in chosen]
        return _driver(images, landmarks[list(chosen)], args.size, float(args.rate or 10))
    if args.landmarks is not None:
        found = given_landmarks(args.landmarks, args.driver, args.every)
    elif args.model is not None:
        source = source_of(args.driver, args.every, args.model)
        with mediapipe_landmarks(args.model) as detect:
            found = detect_landmarks(args.driver, args.every, detect, source)
    else:
        raise InvalidInputError(f"{args.driver} is a video; --model or --landmarks is needed too")
    images = [image for _, image in read_video(args.driver, args.every)][: args.limit]
    rate = describe_video(args.driver)[1] / args.every
    return _driver(images, found.landmarks[: args.limit], args.size, rate)


def _driver(images: list[np.ndarray], landmarks: np.ndarray, size: int, rate: float) -> Driver:
    squared = [
        in_square(one, (image.shape[0], image.shape[1]))
        for one, image in zip(landmarks, images, strict=True)
    ]
    pictures = np.stack([square_picture(image, size) for image in images])
    return Driver(pictures, Skeletons.of(np.stack(squared)), rate)


def side_by_side(
    pictures: np.ndarray, skeletons: Skeletons, drawn: np.ndarray, size: int
) -> np.ndarray:
    """Frames (N, S, 3 S, 3) uint8: the driver, the skeleton that is drawn, the person.

    Args:
        pictures: (N, S, S, 3) of the driver.
        skeletons: As the person's method takes them.
        drawn: (N, D, D, 3).
        size: S.
    """
    frames = []
    for picture, points, one in zip(pictures, skeletons.points, drawn, strict=True):
        result = np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC))
        frames.append(np.hstack([picture, sticks_picture(points, size), result]))
    return np.stack(frames)


def _write_sheet(path: Path, driver: Driver, skeletons: Skeletons, drawn: np.ndarray) -> None:
    chosen = np.linspace(0, len(drawn) - 1, min(ON_SHEET, len(drawn))).round().astype(int)
    size = driver.pictures.shape[1]
    tiles = [
        Tile(
            f"frame {number}",
            (
                driver.pictures[number],
                sticks_picture(skeletons.points[number], size),
                drawn[number],
            ),
        )
        for number in chosen.tolist()
    ]
    with replacing(path) as temporary:
        contact_sheet(tiles).save(temporary)


def _write_animation(path: Path, frames: np.ndarray, rate: float) -> None:
    with replacing(path) as temporary:
        if path.suffix.lower() == ".mp4":
            temporary.write_bytes(encode_mp4(frames, rate))
            return
        first, *others = map(Image.fromarray, frames)
        first.save(
            temporary,
            save_all=True,
            append_images=others,
            duration=max(1, round(1000 / rate)),
            loop=0,
        )
