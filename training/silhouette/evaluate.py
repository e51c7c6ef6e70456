"""Measures a silhouette checkpoint on people and photos kept for reports, beside baselines.

    python -m training evaluate silhouette --data synthetic --ccp DIR --people DIR --out results
    python -m training evaluate silhouette --data DIR --ccp DIR --split validation

What is measured here chooses nothing. To choose a step, an average or a recipe, measure with
`--split validation` (`training.datasets.splits`).

With --out every picture's score is kept as soon as it is known: a stopped run goes on where it was,
and `--shard 1/4` to `--shard 4/4`, on one machine or several that share the folder, measure a
quarter each. The same command without --shard then joins them. Rows of another checkpoint, or of
pictures that have changed since, are not used.
"""

import argparse
import functools
import json
import shlex
import sys
from pathlib import Path

from model.errors import InvalidInputError
from model.silhouette.predictor import ARCHITECTURES, SilhouettePredictor
from training.arguments import at_least, device, output_file, output_folder
from training.datasets.ccp import ClothingCoParsing
from training.datasets.people import PersonPhotos
from training.datasets.splits import TEST_SEED, VALIDATION_SEED
from training.engine.atomic import write_text
from training.engine.precision import pick_device
from training.reporting.partial_results import WHOLE, Shard
from training.reporting.record import record
from training.reporting.tables import without_nan
from training.silhouette.card import silhouette_card
from training.silhouette.evaluation import Evaluation
from training.silhouette.heldout import FolderPeople, SyntheticPeople, SyntheticSettings
from training.silhouette.recipe import DataRecipe
from training.silhouette.tables import people_text, photo_text, rendered_text

CHECKPOINT = Path("checkpoints/silhouette.safetensors")
SYNTHETIC = "synthetic"
"""The word that stands for rendering people as they are needed; ./synthetic is a folder."""
_SYNTHETIC_OPTIONS = {
    "subjects": ("num_subjects", "people"),
    "frames": ("num_frames", "pictures of each"),
    "size": ("size", "side of the pictures in pixels"),
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
        "--people",
        type=Path,
        metavar="DIR",
        help="photos of people from elsewhere with masks: photos/*.jpg, masks/*.png",
    )
    parser.add_argument(
        "--split",
        choices=("test", "validation"),
        default="test",
        help="`validation` to choose by, `test` to report (%(default)s)",
    )
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
            type=at_least(16 if option == "size" else 1),
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
        action="store_true",
        help="write the numbers into the checkpoint's header, and its card and the worst photos "
        "beside it",
    )
    parser.add_argument(
        "--note", default="", metavar="SENTENCE", help="with --record: a caution for the card"
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
        evaluation.measure_photos(ClothingCoParsing.open(args.ccp), args.split)
    if args.people is not None:
        evaluation.measure_elsewhere(PersonPhotos.open(args.people))
    if args.shard is not None:
        sys.stdout.write(f"part {args.shard.number} of {args.shard.total} is in {args.out}\n")
        return 0
    report = without_nan(
        {"checkpoint": args.checkpoint.name, "split": args.split} | evaluation.report
    )
    if args.data:
        sys.stdout.write(rendered_text(report))
    if args.ccp is not None:
        sys.stdout.write(photo_text(report))
    if args.people is not None:
        sys.stdout.write(people_text(report["people"]))
    for path in filter(None, (args.json, args.out and args.out / "report.json")):
        write_text(path, json.dumps(report, indent=2) + "\n")
    if args.out is not None:
        evaluation.write(args.out, report)
    if args.record:
        worst = evaluation.sheets["worst_photos"]()
        card = functools.partial(silhouette_card, measured_by=_command(args), note=args.note)
        record(args.checkpoint, ARCHITECTURES, report, worst, card)
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be done before anything is measured."""
    if not args.data and args.ccp is None and args.people is None:
        raise InvalidInputError("nothing to measure on: give --data, --ccp or --people")
    if args.record and not (args.data and args.ccp is not None):
        raise InvalidInputError("--record needs both --data and --ccp: the card shows both")
    if args.record and args.split != "test":
        raise InvalidInputError("--record needs --split test: the card reports what chose nothing")
    if args.shard is not None and args.out is None:
        raise InvalidInputError("--shard needs --out: the parts meet in that folder")
    if args.shard is not None and (args.record or args.json is not None):
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
        seed = TEST_SEED if args.split == "test" else VALIDATION_SEED
        return SyntheticPeople(SyntheticSettings(seed=seed, **given))
    fraction = None if args.all_subjects else _held_out_fraction(predictor)
    return FolderPeople([Path(folder) for folder in args.data], fraction, args.split)


def _held_out_fraction(predictor: SilhouettePredictor) -> float:
    """The share that the newest part of the checkpoint's training held out."""
    assert predictor.header is not None
    for part in reversed(predictor.header.lineage):
        if (fraction := part.recipe.get("data", {}).get("validation_fraction")) is not None:
            return float(fraction)
    return DataRecipe().validation_fraction


def _command(args: argparse.Namespace) -> str:
    """What to type for the same numbers."""
    words = ["--data", *args.data]
    words += ["--all-subjects"] if args.all_subjects else []
    for option in (*_SYNTHETIC_OPTIONS, "limit"):
        value = getattr(args, option)
        words += [] if value is None else [f"--{option}", str(value)]
    words += ["--ccp", str(args.ccp)]
    words += [] if args.people is None else ["--people", str(args.people)]
    return f"python -m training evaluate silhouette {shlex.join(words)}"
