"""Measures a clothing checkpoint on photos kept for reports, beside a trivial baseline.

    python -m training evaluate clothing --ccp ../shared/data/ccp --out runs/evaluation-clothing
    python -m training evaluate clothing --checkpoint FILE --ccp DIR --split validation

What is measured here chooses nothing. To choose a step, a balance or a recipe, measure with
`--split validation` (`training.datasets.splits`).

Every photo goes through the predictor as a user's would, and its labels are compared at the
photo's own size. The baseline says everywhere that nobody wears anything. Written into --out:
report.json; photos.csv, fine.csv and grouped.csv with a row for each photo and label; the confusion
matrices as confusion_fine.png and confusion_grouped.png; worst.png with the ten worst photos.
"""

import argparse
import functools
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from model.clothing.labels import SCHEMES
from model.clothing.predictor import ARCHITECTURE, ClothingPredictor
from model.errors import InvalidInputError
from training.arguments import at_least, device, output_folder
from training.clothing.card import clothing_card
from training.clothing.charts import confusion_chart
from training.clothing.measure import (
    MeasuredPhoto,
    cost,
    count_training_photos,
    measure,
)
from training.clothing.recipe import DataRecipe
from training.clothing.reports import (
    clothing_report,
    confusions,
    headline,
    photo_csv,
    report_text,
)
from training.clothing.scores import total
from training.clothing.sheets import worst_sheet
from training.clothing.sources import LabelledDataset, open_photos
from training.datasets.splits import Split
from training.engine.atomic import replacing, write_text
from training.engine.precision import pick_device
from training.reporting.record import record
from training.reporting.tables import csv_text, without_nan

CHECKPOINT = Path("checkpoints/clothing.safetensors")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training evaluate clothing`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="(%(default)s)")
    parser.add_argument(
        "--ccp", type=Path, required=True, metavar="DIR", help="folder of Clothing Co-Parsing"
    )
    parser.add_argument(
        "--split",
        choices=("test", "validation"),
        default="test",
        help="`validation` to choose by, `test` to report (%(default)s)",
    )
    parser.add_argument("--limit", type=at_least(1), metavar="N", help="so many photos at most")
    parser.add_argument(
        "--out", type=output_folder, metavar="DIR", help="write numbers, tables and figures there"
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write the numbers into the checkpoint's header, and its card and the worst photos "
        "beside it",
    )
    parser.add_argument(
        "--note", default="", metavar="SENTENCE", help="with --record: a caution for the card"
    )
    parser.add_argument(
        "--batch-size", type=at_least(1), default=4, metavar="N", help="(%(default)s)"
    )
    parser.add_argument(
        "--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Measure; print the numbers and write what was asked for."""
    if args.record and args.split != "test":
        raise InvalidInputError("--record needs --split test: the card reports what chose nothing")
    predictor = ClothingPredictor.from_checkpoint(args.checkpoint, pick_device(args.device))
    dataset = open_photos(DataRecipe(photos=str(args.ccp)))
    photos, found = evaluate(predictor, dataset, args.split, args.limit, args.batch_size)
    report = {"checkpoint": args.checkpoint.name} | found
    sys.stdout.write(report_text(report))
    if args.out is None and not args.record:
        return 0
    worst = worst_sheet(predictor, dataset, photos)
    if args.out is not None:
        _write(args.out, report, photos, worst)
    if args.record:
        card = functools.partial(
            clothing_card, report=report, measured_by=_command(args), note=args.note
        )
        record(args.checkpoint, (ARCHITECTURE,), headline(report), worst, card)
    return 0


def evaluate(
    predictor: ClothingPredictor,
    dataset: LabelledDataset,
    split: Split,
    limit: int | None = None,
    batch_size: int = 4,
) -> tuple[list[MeasuredPhoto], dict[str, Any]]:
    """Every photo's counts, and the report on all of them.

    Args:
        predictor: From a checkpoint.
        dataset: With the labels of `model.clothing.labels`.
        split: Of the photos.
        limit: So many photos at most.
        batch_size: Photos that the predictor is given at a time.

    Raises:
        InvalidInputError: The split has no photo.
    """
    numbers = dataset.numbers_of(split)[:limit]
    if not numbers:
        raise InvalidInputError(f"no {split} photo in {dataset.root}")
    photos = measure(predictor, dataset, numbers, batch_size)
    report = {"split": split} | clothing_report(photos, count_training_photos(dataset))
    return photos, without_nan(report | {"cost": cost(predictor)})


def _write(
    folder: Path, report: dict[str, Any], photos: Sequence[MeasuredPhoto], worst: Image.Image
) -> None:
    """Numbers, tables and figures."""
    write_text(folder / "report.json", json.dumps(report, indent=2) + "\n")
    write_text(folder / "photos.csv", photo_csv(photos))
    for name, scheme in SCHEMES.items():
        write_text(folder / f"{name}.csv", csv_text(report[f"{name}_labels"]))
        chart = confusion_chart(total(confusions(photos, name)), scheme.labels)
        with replacing(folder / f"confusion_{name}.png") as temporary:
            chart.savefig(temporary, dpi=110)
    with replacing(folder / "worst.png") as temporary:
        worst.save(temporary)


def _command(args: argparse.Namespace) -> str:
    """What to type for the same numbers."""
    words = ["--checkpoint", str(args.checkpoint), "--ccp", str(args.ccp)]
    words += [] if args.limit is None else ["--limit", str(args.limit)]
    return f"python -m training evaluate clothing {shlex.join(words)}"
