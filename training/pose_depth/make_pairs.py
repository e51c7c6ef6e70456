"""`python -m training data pose-pairs`: pairs of MediaPipe's poses and exact ones.

Either from people that are rendered in the poses of motion capture (--cmu), or from the videos and
annotations of AIST++ (--aist). Both go on where an earlier run stopped.
"""

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from training.arguments import at_least, output_folder
from training.datasets.aist import AistDances, AistVideo
from training.pose_depth.aist_pairs import make_video_pairs, pairs_file
from training.pose_depth.detector import PoseDetector, pose_detector
from training.pose_depth.pairs import read_pairs
from training.pose_depth.rendered_pairs import (
    PairSettings,
    claim,
    done_sequences,
    is_varied,
    make_sequence,
    settings_of,
)
from training.pose_depth.rendering import FRAMES, SIDE, SequenceRenderer, read_clips

AHEAD = 4
"""Sequences that wait for each worker: so many are lost at most when the command is stopped."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--cmu", type=Path, metavar="DIR", help="folder of CMU motion capture in BVH: render people"
    )
    source.add_argument(
        "--aist", type=Path, metavar="DIR", help="folder of AIST++: annotations/ and videos/"
    )
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE",
        help="MediaPipe's pose_landmarker_full.task (also lite or heavy)",
    )
    parser.add_argument("--out", type=output_folder, required=True, help="folder to write to")
    parser.add_argument(
        "--workers",
        type=at_least(1),
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (all cores)",
    )
    rendered = parser.add_argument_group("with --cmu")
    rendered.add_argument(
        "--pairs", type=at_least(1), default=40_000, metavar="N", help="at least (%(default)s)"
    )
    rendered.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="(%(default)s)")
    rendered.add_argument(
        "--frames", type=at_least(1), default=FRAMES, metavar="N", help="of a clip (%(default)s)"
    )
    rendered.add_argument(
        "--size", type=at_least(64), default=SIDE, metavar="PIXELS", help="(%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Make what is missing."""
    with pose_detector(args.model):  # what fails while a worker starts is lost
        pass
    if args.aist is not None:
        total = look_at_videos(args.out, AistDances.open(args.aist), args.model, args.workers)
        sys.stdout.write(f"{args.out}: {total} pairs\n")
        return 0
    settings = settings_of(args.seed, args.size, args.frames, args.cmu, args.model)
    claim(args.out, settings)
    read_clips(args.cmu)
    total = render_pairs(args.out, args.pairs, settings, (args.cmu, args.model), args.workers)
    sys.stdout.write(f"{args.out}: {total} pairs\n")
    return 0


def render_pairs(
    root: Path, num_pairs: int, settings: PairSettings, sources: tuple[Path, Path], num_workers: int
) -> int:
    """Render sequences until there are so many pairs; says how many there are.

    Args:
        root: A folder of `claim`.
        num_pairs: At least so many, those of earlier runs included.
        settings: Of the folder.
        sources: The folder of clips, and the landmarker's file.
        num_workers: Processes.

    Raises:
        InvalidInputError: A file of an earlier run is damaged.
        StorageError: The disk is full or read-only.
    """
    done = done_sequences(root)
    total = sum(len(read_pairs(path)) for path in done.values())
    numbers = (number for number in range(2**31) if number not in done)
    bar = tqdm(total=num_pairs, initial=min(total, num_pairs), unit="pair", desc="rendering")
    with bar, _pool(num_workers, settings, sources) as pool:

        def submit() -> Future[int]:
            return pool.submit(_make, root, next(numbers))

        waiting = {submit() for _ in range(AHEAD * num_workers)} if total < num_pairs else set()
        try:
            while waiting:
                task = next(as_completed(waiting))
                waiting.remove(task)
                made = task.result()
                total += made
                bar.update(made)
                if total < num_pairs:
                    waiting.add(submit())
        except BaseException:
            for task in waiting:
                task.cancel()
            raise
    return total


def look_at_videos(root: Path, dances: AistDances, landmarker: Path, num_workers: int) -> int:
    """Look at the videos that have no pairs yet; says how many pairs there are.

    Args:
        root: To write to.
        dances: Of AIST++.
        landmarker: The landmarker's file.
        num_workers: Processes.

    Raises:
        FileNotFoundError: A file of the annotations is missing.
        HabitusError: PyAV is not installed.
        InvalidInputError: A video or a file is damaged.
        StorageError: The disk is full or read-only.
    """
    missing = [video for video in dances.videos if not pairs_file(root, video).exists()]
    done = len(dances.videos) - len(missing)
    bar = tqdm(total=len(dances.videos), initial=done, unit="video", desc="looking")
    with bar, _pool(num_workers, None, (None, landmarker)) as pool:
        tasks = [pool.submit(_look_at, root, dances, video) for video in missing]
        try:
            for task in as_completed(tasks):
                task.result()
                bar.update()
        except BaseException:
            for task in tasks:
                task.cancel()
            raise
    return sum(len(read_pairs(pairs_file(root, video))) for video in dances.videos)


# Each worker process builds these once, in `_start_worker`.
_renderers: list[tuple[PairSettings, SequenceRenderer]] = []
_detectors: list[PoseDetector] = []
_open = ExitStack()


def _start_worker(settings: PairSettings | None, sources: tuple[Path | None, Path]) -> None:
    torch.set_num_threads(1)
    cmu, landmarker = sources
    if settings is not None and cmu is not None:
        clips = read_clips(cmu, is_varied)
        _renderers.append((settings, SequenceRenderer(settings.seed, clips, settings.side)))
    _detectors.append(_open.enter_context(pose_detector(landmarker)))


def _pool(num_workers: int, *initial: Any) -> ProcessPoolExecutor:
    # Forking a process in which Warp or Torch already runs threads can hang.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(num_workers, context, _start_worker, initial)


def _make(root: Path, number: int) -> int:
    settings, renderer = _renderers[0]
    return make_sequence(root, number, settings, renderer, _detectors[0])


def _look_at(root: Path, dances: AistDances, video: AistVideo) -> int:
    return make_video_pairs(root, video, dances.joints(video.sequence), _detectors[0])
