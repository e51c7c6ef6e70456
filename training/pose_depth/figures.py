"""`python -m training figures pose_depth`: poses before and after, and what changes over time.

OUT/before_after.png       a frame of each sequence: its photo, from the camera, from the side
OUT/bone_lengths.png       lengths of limbs over one sequence
OUT/error_by_azimuth.png   of rendered people, with --pairs
OUT/refined.webp           a short video of one sequence
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from model.errors import InvalidInputError
from model.pose_depth.predictor import DepthRefiner
from model.pose_depth.skeleton import BONES
from model.skeletons import COCO_17_NAMES
from training.arguments import device, output_folder
from training.datasets.photo import read_photo
from training.engine.atomic import replacing
from training.engine.precision import pick_device
from training.pose_depth.data import read_split
from training.pose_depth.drawing import COLOURS, TRUTH, stick_figures
from training.pose_depth.metrics import FIRST_LIMB, bone_lengths
from training.pose_depth.pose2sim import read_camera_sequences
from training.pose_depth.report import azimuth_chart, set_report
from training.pose_depth.scoring import BEFORE, SEQUENCE, SINGLE, ScoredSequence, score_sequences

MILLISECONDS = 100
"""That a frame of the video is shown."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    add("--checkpoint", type=Path, default=Path("checkpoints/pose_depth.safetensors"))
    add("--pose2sim", type=Path, metavar="DIR", help="a real person: truth.npz and cam*/*.jpg")
    add("--pairs", type=Path, nargs="+", metavar="DIR", help="folders of `data pose-pairs`")
    add("--frame", type=int, default=-1, metavar="N", help="of each sequence (the last)")
    add("--out", type=output_folder, required=True, metavar="DIR")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Draw what the options name."""
    if args.pose2sim is None and args.pairs is None:
        raise InvalidInputError("nothing to draw: give --pose2sim or --pairs")
    refiner = DepthRefiner.from_checkpoint(args.checkpoint, pick_device(args.device))
    args.out.mkdir(parents=True, exist_ok=True)
    shown = []
    if args.pairs is not None:
        rendered = score_sequences(refiner, read_split(args.pairs, "test"))
        _save(azimuth_chart({"rendered": set_report(rendered)}), args.out / "error_by_azimuth.png")
        shown = sorted(rendered, key=lambda one: -len(one.pairs))[:4]
    if args.pose2sim is not None:
        shown = score_sequences(refiner, read_camera_sequences(args.pose2sim))
    photos = photos_of(args.pose2sim, shown, args.frame) if args.pose2sim is not None else {}
    _save(before_after(shown, args.frame, photos), args.out / "before_after.png")
    _save(bone_chart(shown[0]), args.out / "bone_lengths.png")
    frames = video_frames(shown[0])
    with replacing(args.out / "refined.webp") as temporary:
        frames[0].save(
            temporary,
            "WEBP",
            save_all=True,
            append_images=frames[1:],
            duration=MILLISECONDS,
            loop=0,
        )
    sys.stdout.write(f"wrote {args.out}\n")
    return 0


def photos_of(root: Path, scored: Sequence[ScoredSequence], frame: int) -> dict[str, np.ndarray]:
    """The photo of one frame of each camera.

    Raises:
        FileNotFoundError: It is not there.
        InvalidInputError: It cannot be read, or there is no such frame.
    """
    found = {}
    for one in scored:
        number = one.pairs.frame_idx[_frame_of(one, frame)]
        found[one.pairs.sequence] = read_photo(root / one.pairs.sequence / f"{number:04d}.jpg")
    return found


def before_after(
    scored: Sequence[ScoredSequence], frame: int, photos: Mapping[str, np.ndarray]
) -> Figure:
    """A row for each sequence: its photo where there is one, seen from the camera, from the side.

    Raises:
        InvalidInputError: There is no such frame.
    """
    columns = 3 if photos else 2
    figure = Figure(figsize=(3.2 * columns, 3.2 * len(scored)), layout="constrained")
    rows = figure.subplots(len(scored), columns, squeeze=False)
    for one, panels in zip(scored, rows, strict=True):
        place = _frame_of(one, frame)
        poses = _poses(one, place, SINGLE)
        views = [stick_figures(poses, view, 512) for view in ("camera", "side")]
        if photos:
            views = [photos[one.pairs.sequence], *views]
        scores = (one.frames[who].depth[place] for who in (BEFORE, SINGLE))
        before, after = scores
        for axes, picture in zip(panels, views, strict=True):
            axes.imshow(picture)
            axes.set_axis_off()
        panels[-1].set_title(f"depth error {before:.3f} m, refined {after:.3f} m", fontsize=8)
        panels[-2].set_title("from the camera", fontsize=8)
        panels[0].text(0.02, 0.02, one.pairs.sequence, transform=panels[0].transAxes, fontsize=8)
    figure.suptitle("truth in grey, MediaPipe in red, refined in blue; the side from the right")
    return figure


def bone_chart(one: ScoredSequence) -> Figure:
    """Lengths of the limbs over time, before and after."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    panels = figure.subplots(2, 4, sharex=True, sharey=True).ravel()
    for limb, axes in enumerate(panels, start=FIRST_LIMB):
        for who, colour in ((BEFORE, COLOURS[BEFORE]), (SEQUENCE, COLOURS[SINGLE])):
            lengths = bone_lengths(one.joints[who])[:, limb]
            axes.plot(one.pairs.seconds, lengths, color=np.array(colour) / 255, label=who)
        ends = [COCO_17_NAMES[end].replace("_", " ") for end in BONES[limb]]
        axes.set_title(" to ".join(ends), fontsize=8)
    panels[0].legend(fontsize=7)
    figure.supxlabel("seconds")
    figure.supylabel("length, m")
    return figure


def video_frames(one: ScoredSequence) -> list[Image.Image]:
    """Both views of each frame of a refined sequence."""
    frames = []
    for place in range(len(one.pairs)):
        poses = _poses(one, place, SEQUENCE)
        views = [stick_figures(poses, view) for view in ("camera", "side")]
        frames.append(Image.fromarray(np.concatenate(views, axis=1)))
    return frames


def _poses(one: ScoredSequence, place: int, refined: str) -> dict[str, np.ndarray]:
    return {
        TRUTH: one.pairs.ground_truth[place],
        BEFORE: one.joints[BEFORE][place],
        SINGLE: one.joints[refined][place],
    }


def _frame_of(one: ScoredSequence, frame: int) -> int:
    num = len(one.pairs)
    if not -num <= frame < num:
        raise InvalidInputError(f"{one.pairs.sequence} has {num} frames; there is no {frame}")
    return frame % num


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
