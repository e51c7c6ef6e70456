"""What `python -m training evaluate silhouette` measures: rendered people, street photos, masks."""

import argparse
import functools
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from model.errors import InvalidInputError
from model.silhouette.predictor import (
    ARCHITECTURES,
    SilhouettePredictor,
)
from training.arguments import at_least
from training.datasets.ccp import ClothingCoParsing
from training.datasets.evaluation_pictures import (
    LabelledStreetPhotos,
    PhotosWithMasks,
    RenderedFolders,
    SyntheticPeople,
    SyntheticSettings,
)
from training.datasets.people import PersonPhotos
from training.datasets.splits import TEST_SEED, VALIDATION_SEED
from training.reporting.evaluation import Evaluation, Found, Report
from training.reporting.scoring import SampleSet, Scored
from training.reporting.tables import csv_text
from training.silhouette import summary
from training.silhouette.figures import (
    errors_by_bin_chart,
    photo_sheet,
    reliability_chart,
    rendered_sheet,
)
from training.silhouette.photo_metrics import (
    person_report,
)
from training.silhouette.recipe import DataRecipe
from training.silhouette.report import people_text, photo_text, rendered_text, silhouette_card
from training.silhouette.summary import photos_with_masks, rendered_people, street_photos

SYNTHETIC = "synthetic"
"""The word that stands for rendering people as they are needed; ./synthetic is a folder."""
_SYNTHETIC_OPTIONS = {
    "subjects": ("num_subjects", "people"),
    "frames": ("num_frames", "pictures of each"),
    "size": ("size", "side of the pictures in pixels"),
}


def configure_data(parser: argparse.ArgumentParser) -> None:
    """Options that name what is measured on."""
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


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be done before anything is measured.

    Raises:
        InvalidInputError: Options are missing or contradict each other.
    """
    if not args.data and args.ccp is None and args.people is None:
        raise InvalidInputError("nothing to measure on: give --data, --ccp or --people")
    if args.record and not (args.data and args.ccp is not None):
        raise InvalidInputError("--record needs both --data and --ccp: the card shows both")
    if SYNTHETIC in args.data and len(args.data) > 1:
        raise InvalidInputError(
            f"--data takes folders or the word {SYNTHETIC!r}, not both; "
            f"a folder of that name is ./{SYNTHETIC}"
        )
    given = [f"--{o}" for o in _SYNTHETIC_OPTIONS if getattr(args, o) is not None]
    if given and args.data != [SYNTHETIC]:
        raise InvalidInputError(f"{', '.join(given)} go with --data {SYNTHETIC} only")


def sample_sets(args: argparse.Namespace, predictor: SilhouettePredictor) -> list[SampleSet[Any]]:
    """What the command line names."""
    sets: list[SampleSet[Any]] = []
    if args.data:
        sets.append(rendered_people(_people(args, predictor)))
    if args.ccp is not None:
        photos = LabelledStreetPhotos(ClothingCoParsing.open(args.ccp), args.split)
        sets.append(street_photos(photos))
    if args.people is not None:
        sets.append(photos_with_masks(PhotosWithMasks(PersonPhotos.open(args.people))))
    return sets


def _people(
    args: argparse.Namespace, predictor: SilhouettePredictor
) -> RenderedFolders | SyntheticPeople:
    if args.data == [SYNTHETIC]:
        given = {
            name: getattr(args, option)
            for option, (name, _) in _SYNTHETIC_OPTIONS.items()
            if getattr(args, option) is not None
        }
        seed = TEST_SEED if args.split == "test" else VALIDATION_SEED
        return SyntheticPeople(SyntheticSettings(seed=seed, **given))
    fraction = None if args.all_subjects else _held_out_fraction(predictor)
    return RenderedFolders([Path(folder) for folder in args.data], fraction, args.split)


def _held_out_fraction(predictor: SilhouettePredictor) -> float:
    """The share that the newest part of the checkpoint's training held out."""
    assert predictor.header is not None
    for part in reversed(predictor.header.lineage):
        if (fraction := part.recipe.get("data", {}).get("validation_fraction")) is not None:
            return float(fraction)
    return DataRecipe().validation_fraction


def report(predictor: SilhouettePredictor, found: Found) -> Report:  # noqa: ARG001
    """Numbers of every set that was measured."""
    whole: Report = {}
    if "rendered" in found:
        whole |= summary.rendered_report(found["rendered"].scored)
    if "photos" in found:
        whole |= summary.photo_report(found["photos"].scored)
    if "people" in found:
        whole |= {"people": person_report([one.score for one in found["people"].scored])}
    return whole


def text(report: Report) -> str:
    """For the terminal."""
    parts = {"rendered": rendered_text, "photos": photo_text, "people": people_text}
    return "".join(write(report) for name, write in parts.items() if name in report)


def tables(report: Report, found: Found) -> dict[str, str]:  # noqa: ARG001
    """A row for each picture."""
    write: dict[str, Callable[[list[Scored]], str]] = {
        "rendered": summary.rendered_csv,
        "photos": summary.photo_csv,
        "people": lambda scored: csv_text([{"photo": s.key} | s.score.as_json() for s in scored]),
    }
    return {name: write[name](measured.scored) for name, measured in found.items()}


def charts(report: Report, found: Found) -> dict[str, Figure]:
    """Of rendered people."""
    if "rendered" not in found:
        return {}
    return {
        "reliability": reliability_chart(report["calibration"]),
        "breakdown": errors_by_bin_chart(report),
    }


def worst(predictor: SilhouettePredictor, found: Found) -> dict[str, Callable[[], Image.Image]]:
    """Contact sheets of the worst rendered people and street photos."""
    draw: dict[str, Callable[[Any, Any], Image.Image]] = {
        "rendered": rendered_sheet,
        "photos": photo_sheet,
    }
    return {
        f"worst_{name}": functools.partial(draw[name], predictor, found[name])
        for name in draw
        if name in found
    }


def command(args: argparse.Namespace) -> str:
    """What to type for the same numbers."""
    words = ["--data", *args.data]
    words += ["--all-subjects"] if args.all_subjects else []
    for option in (*_SYNTHETIC_OPTIONS, "limit"):
        value = getattr(args, option)
        words += [] if value is None else [f"--{option}", str(value)]
    words += ["--ccp", str(args.ccp)]
    words += [] if args.people is None else ["--people", str(args.people)]
    return f"python -m training evaluate silhouette {shlex.join(words)}"


EVALUATION = Evaluation(
    slug="silhouette",
    architectures=ARCHITECTURES,
    version=2,
    batch_size=16,
    load=SilhouettePredictor.from_checkpoint,
    configure_data=configure_data,
    check=check,
    sample_sets=sample_sets,
    report=report,
    text=text,
    tables=tables,
    charts=charts,
    worst=worst,
    header_metrics=lambda report: report,
    card=silhouette_card,
    command=command,
)
