"""Measures a silhouette checkpoint on held-out people and photos, beside trivial baselines.

    python -m training evaluate silhouette --data DIR --ccp DIR --out results
    python -m training evaluate silhouette --data synthetic --subjects 400 --out results

With --out every picture's score is kept as soon as it is known: a stopped run goes on where it was,
and `--shard 1/4` to `--shard 4/4`, on one machine or several that share the folder, measure a
quarter each. The same command without --shard then joins them. Rows of another checkpoint, or of
pictures that have changed since, are not used.
"""

import argparse
import dataclasses
import functools
import json
import shlex
import sys
from pathlib import Path

from model.errors import InvalidInputError
from model.silhouette.predictor import ARCHITECTURES, SilhouettePredictor
from training.arguments import at_least, device, output_file, output_folder
from training.datasets.ccp import ClothingCoParsing
from training.engine.atomic import write_text
from training.engine.precision import pick_device
from training.reporting.record import record
from training.reporting.tables import without_nan
from training.silhouette.card import silhouette_card
from training.silhouette.evaluation import Evaluation
from training.silhouette.heldout import FolderPeople, SyntheticPeople, SyntheticSettings
from training.silhouette.recipe import DataRecipe
from training.silhouette.shards import WHOLE, Shard
from training.silhouette.tables import photo_text, rendered_text

CHECKPOINT = Path("checkpoints/silhouette.safetensors")
SYNTHETIC = "synthetic"
"""The word that stands for rendering people as they are needed; ./synthetic is a folder."""
_SYNTHETIC_OPTIONS = {
    "subjects": ("num_subjects", "people"),
    "frames": ("num_frames", "pictures of each"),
    "size": ("size", "side of the pictures in pixels"),
    "seed": ("seed", "of people that no training has seen"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training evaluate silhouette`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="(%(default)s)")
    parser.add_argument(
        "--data",
        nargs="+",
        default=[],
        metavar="DIR",
        help=f"SHADER-layout folders, or the word `{SYNTHETIC}`: people are rendered as needed",
    )
    parser.add_argument("--ccp", type=Path, metavar="DIR", help="folder of Clothing Co-Parsing")
    parser.add_argument(
        "--all-subjects",
        action="store_true",
        help="measure on every subject, for folders that were not trained on",
    )
    group = parser.add_argument_group(f"with --data {SYNTHETIC}")
    for option, (name, words) in _SYNTHETIC_OPTIONS.items():
        default = getattr(SyntheticSettings(), name)
        group.add_argument(
            f"--{option}",
            type=at_least(0 if option == "seed" else 16 if option == "size" else 1),
            metavar="N",
            help=f"{words} ({default})",
        )
    parser.add_argument(
        "--limit", type=at_least(1), metavar="N", help="so many pictures of each kind at most"
    )
    parser.add_argument(
        "--out",
        type=output_folder,
        metavar="DIR",
        help="write report.json, tables of all pictures, charts and the ten worst of each there",
    )
    parser.add_argument("--shard", type=Shard.parse, metavar="I/N", help="measure this part only")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="write the numbers there")
    parser.add_argument(
        "--record",
        metavar="SENTENCE",
        help="write the numbers into the checkpoint's header, and its card and the worst photos "
        "beside it; the sentence tells machine and hours of the training, GPU or cores",
    )
    parser.add_argument(
        "--batch-size", type=at_least(1), default=16, metavar="N", help="(%(default)s)"
    )
    parser.add_argument(
        "--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Measure; print the tables and write what was asked for."""
    _check(args)
    predictor = SilhouettePredictor.from_checkpoint(args.checkpoint, pick_device(args.device))
    evaluation = Evaluation(predictor, args.out, args.shard or WHOLE, args.limit, args.batch_size)
    if args.data:
        evaluation.measure_people(_people(args, predictor))
    if args.ccp is not None:
        evaluation.measure_photos(ClothingCoParsing.open(args.ccp))
    if args.shard is not None:
        sys.stdout.write(f"part {args.shard.number} of {args.shard.total} is in {args.out}\n")
        return 0
    report = without_nan({"checkpoint": args.checkpoint.name} | evaluation.report)
    if args.data:
        sys.stdout.write(rendered_text(report))
    if args.ccp is not None:
        sys.stdout.write(photo_text(report["photos"]))
    for path in filter(None, (args.json, args.out and args.out / "report.json")):
        write_text(path, json.dumps(report, indent=2) + "\n")
    if args.out is not None:
        evaluation.write(args.out, report)
    if args.record is not None:
        worst = evaluation.sheets["worst_photos"]()
        card = functools.partial(silhouette_card, measured_by=_command(args), made_on=args.record)
        record(args.checkpoint, ARCHITECTURES, report, worst, card)
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be done before anything is measured."""
    if not args.data and args.ccp is None:
        raise InvalidInputError("nothing to measure on: give --data, --ccp, or both")
    if args.record is not None and not (args.data and args.ccp is not None):
        raise InvalidInputError("--record needs both --data and --ccp: the card shows both")
    if args.shard is not None and args.out is None:
        raise InvalidInputError("--shard needs --out: the parts meet in that folder")
    if args.shard is not None and (args.record is not None or args.json is not None):
        raise InvalidInputError("--shard measures a part; --json and --record need the whole")
    if SYNTHETIC in args.data and len(args.data) > 1:
        raise InvalidInputError(
            f"--data takes folders or the word {SYNTHETIC!r}, not both; "
            f"a folder of that name is ./{SYNTHETIC}"
        )
    given = [f"--{o}" for o in _SYNTHETIC_OPTIONS if getattr(args, o) is not None]
    if given and args.data != [SYNTHETIC]:
        raise InvalidInputError(f"{', '.join(given)} go with --data {SYNTHETIC} only")


def _people(
    args: argparse.Namespace, predictor: SilhouettePredictor
) -> FolderPeople | SyntheticPeople:
    if args.data == [SYNTHETIC]:
        given = {
            name: getattr(args, option)
            for option, (name, _) in _SYNTHETIC_OPTIONS.items()
            if getattr(args, option) is not None
        }
        return SyntheticPeople(dataclasses.replace(SyntheticSettings(), **given))
    fraction = 1.0 if args.all_subjects else _validation_fraction(predictor)
    return FolderPeople([Path(folder) for folder in args.data], fraction)


def _validation_fraction(predictor: SilhouettePredictor) -> float:
    """The share that the checkpoint's own training held out."""
    recipe = predictor.header.recipe if predictor.header else {}
    fraction = recipe.get("data", {}).get("validation_fraction", DataRecipe().validation_fraction)
    return float(fraction)


def _command(args: argparse.Namespace) -> str:
    """What to type for the same numbers."""
    words = ["--data", *args.data]
    words += ["--all-subjects"] if args.all_subjects else []
    for option in (*_SYNTHETIC_OPTIONS, "limit"):
        value = getattr(args, option)
        words += [] if value is None else [f"--{option}", str(value)]
    words += ["--ccp", str(args.ccp)]
    return f"python -m training evaluate silhouette {shlex.join(words)}"
