"""`python -m training evaluate pose_depth`: poses before and after, beside the true ones.

Rendered people of the test split are of clips, bodies and cameras that nothing was learned from;
--pose2sim measures on a real person before four calibrated cameras. Numbers after ± are standard
errors over sequences.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from model.checkpoint import load_checkpoint, save_checkpoint
from model.errors import InvalidInputError
from model.pose_depth.architectures import ARCHITECTURES
from model.pose_depth.predictor import DepthRefiner
from training.arguments import at_least, device, output_file, output_folder
from training.datasets.packed import evenly_spaced
from training.engine.atomic import replacing, write_text
from training.engine.precision import pick_device
from training.pose_depth.data import read_split
from training.pose_depth.drawing import worst_sheet
from training.pose_depth.pose2sim import read_camera_sequences
from training.pose_depth.report import Report, azimuth_chart, set_report, tables
from training.pose_depth.scoring import ScoredSequence, score_sequences
from training.reporting.contact_sheet import jpeg_within
from training.reporting.record import card_text
from training.reporting.tables import without_nan

CARD = Path(__file__).with_name("card.md")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    add("--checkpoint", type=Path, default=Path("checkpoints/pose_depth.safetensors"))
    add_data(parser)
    add("--split", choices=("test", "validation"), default="test", help="(%(default)s)")
    add("--out", type=output_folder, metavar="DIR", help="write report.json and charts there")
    add("--json", type=output_file, metavar="FILE", help="write the numbers there")
    add("--record", action="store_true", help="write the numbers into the header, and the card")
    add("--note", default="", metavar="SENTENCE", help="with --record: a caution for the card")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Options that name what is measured on."""
    parser.add_argument(
        "--pairs", type=Path, nargs="+", metavar="DIR", help="folders of `data pose-pairs`"
    )
    parser.add_argument(
        "--pose2sim",
        type=Path,
        metavar="DIR",
        help="a real person before calibrated cameras: truth.npz",
    )
    parser.add_argument(
        "--limit", type=at_least(1), metavar="N", help="so many sequences of each kind at most"
    )


def run(args: argparse.Namespace) -> int:
    """Measure; print the tables and write what was asked for."""
    refuse_contradictions(args)
    refiner = DepthRefiner.from_checkpoint(args.checkpoint, pick_device(args.device))
    scored = measure(refiner, args)
    report = report_of(scored)
    for table in tables(report).values():
        sys.stdout.write(table.text() + "\n")
    for path in filter(None, (args.json, args.out and args.out / "report.json")):
        write_text(path, json.dumps(report, indent=2) + "\n")
    if args.out is not None:
        with replacing(args.out / "error_by_azimuth.png") as temporary:
            azimuth_chart(report).savefig(temporary, dpi=120)
    if args.record:
        record(args, report, scored["rendered"])
        sys.stderr.write(f"the card is {args.checkpoint.with_suffix('.md')}\n")
    return 0


def refuse_contradictions(args: argparse.Namespace) -> None:
    """Check the options.

    Raises:
        InvalidInputError: There is nothing to measure on, or not what the card needs.
    """
    if args.pairs is None and args.pose2sim is None:
        raise InvalidInputError("nothing to measure on: give --pairs or --pose2sim")
    if args.record and (args.pairs is None or args.pose2sim is None):
        raise InvalidInputError("--record needs both --pairs and --pose2sim: the card shows both")
    if args.record and args.split != "test":
        raise InvalidInputError("--record needs --split test: the card reports what chose nothing")


def measure(refiner: DepthRefiner, args: argparse.Namespace) -> dict[str, list[ScoredSequence]]:
    """Scored sequences by kind.

    Raises:
        FileNotFoundError: A folder is not there.
        InvalidInputError: It holds nothing to measure on, or what cannot be read.
    """
    found = {}
    if args.pairs is not None:
        sequences = read_split(args.pairs, args.split)
        chosen = evenly_spaced(sequences, args.limit or len(sequences))
        found["rendered"] = score_sequences(refiner, list(chosen))
    if args.pose2sim is not None:
        cameras = read_camera_sequences(args.pose2sim)
        found["real"] = score_sequences(refiner, cameras[: args.limit])
    return found


def report_of(scored: dict[str, list[ScoredSequence]]) -> Report:
    """Numbers of all kinds; None where a number is not defined."""
    return dict(without_nan({kind: set_report(some) for kind, some in scored.items()}))


def record(args: argparse.Namespace, report: Report, rendered: list[ScoredSequence]) -> None:
    """Put the report into the checkpoint's header, its card and the worst frames beside it."""
    header, tensors = load_checkpoint(args.checkpoint, *ARCHITECTURES)
    header = dataclasses.replace(header, metrics=_headline(report))
    save_checkpoint(args.checkpoint, tensors, header)
    picture = args.checkpoint.with_name(f"{args.checkpoint.stem}_worst.jpg")
    with replacing(picture) as temporary:
        temporary.write_bytes(jpeg_within(worst_sheet(rendered)))
    fields = {name: table.markdown() for name, table in tables(report).items()}
    fields["parameters"] = f"{sum(tensor.numel() for tensor in tensors.values()) / 1e6:.2f} million"
    fields["calibration"] = f"{report['rendered']['calibration']['ece']:.3f}"
    fields["measured_by"] = (
        "python -m training evaluate pose_depth --pairs data/pose-pairs --pose2sim DIR"
    )
    text = card_text(CARD, header, picture.name, args.note, fields)
    write_text(args.checkpoint.with_suffix(".md"), text)


def _headline(report: Report) -> dict[str, Any]:
    """For the header: scores and the view's errors, without bins."""
    kept = ("frames", "sequences", "scores", "view")
    return {kind: {name: part[name] for name in kept} for kind, part in report.items()}
