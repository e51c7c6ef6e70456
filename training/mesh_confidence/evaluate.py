"""Measures a judge of meshes on held-out rows, beside three baselines.

The test files choose nothing. To choose, measure with `--split validation`: one sequence in five of
the training files.
"""

import argparse
import dataclasses
import json
import shlex
import sys
from pathlib import Path

from model.checkpoint import load_checkpoint, save_checkpoint
from model.errors import InvalidInputError
from model.mesh_confidence.predictor import ARCHITECTURE, load_network
from training.arguments import device, output_file, output_folder
from training.engine.atomic import replacing, write_text
from training.engine.precision import pick_device
from training.mesh_confidence.card import card
from training.mesh_confidence.report import Report, charts, measure, tables
from training.reporting.tables import without_nan


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training evaluate mesh_confidence`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    checkpoint = Path("checkpoints/mesh_confidence.safetensors")
    add = parser.add_argument
    add("--checkpoint", type=Path, default=checkpoint, help="(%(default)s)")
    add(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="folders of test.npz and test_occluded.npz, as `data mesh_confidence` writes them",
    )
    add(
        "--split",
        choices=("test", "validation"),
        default="test",
        help="`validation` to choose by, `test` to report (%(default)s)",
    )
    add("--json", type=output_file, metavar="FILE", help="write the numbers there")
    add("--out", type=output_folder, metavar="DIR", help="write report.json and charts there")
    add(
        "--record",
        action="store_true",
        help="write the numbers into the checkpoint's header, and its card beside it",
    )
    add("--note", default="", metavar="SENTENCE", help="with --record: a caution for the card")
    add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Measure; print the tables and write what was asked for."""
    if args.record and args.split != "test":
        raise InvalidInputError("--record needs --split test: the card reports what chose nothing")
    network, _ = load_network(args.checkpoint)
    network = network.to(pick_device(args.device))
    validating = args.split == "validation"
    found = measure(network, args.data, "train" if validating else "test", validating)
    report: Report = dict(without_nan(found))
    shown = [table for table in tables(report) if table.on_terminal]
    sys.stdout.write("\n".join(table.text() for table in shown))
    for path in filter(None, (args.json, args.out and args.out / "report.json")):
        write_text(path, json.dumps(report, indent=2) + "\n")
    if args.out is not None:
        for stem, chart in charts(report).items():
            with replacing(args.out / f"{stem}.png") as temporary:
                chart.savefig(temporary, dpi=120)
        sys.stderr.write(f"the report and its charts are in {args.out}\n")
    if args.record:
        _record(args, report)
        sys.stderr.write(f"the card is {args.checkpoint.with_suffix('.md')}\n")
    return 0


def _record(args: argparse.Namespace, report: Report) -> None:
    """Put the report into the checkpoint's header, and write its card."""
    header, tensors = load_checkpoint(args.checkpoint, ARCHITECTURE)
    binless = {
        name: {key: value for key, value in entry.items() if key != "bins"}
        for name, entry in report.items()
    }
    header = dataclasses.replace(header, metrics=binless)
    save_checkpoint(args.checkpoint, tensors, header)
    folders = [str(folder) for folder in args.data]
    command = shlex.join(["evaluate", "mesh_confidence", "--data", *folders])
    text = card(header, report, f"python -m training {command}", args.note)
    write_text(args.checkpoint.with_suffix(".md"), text)
