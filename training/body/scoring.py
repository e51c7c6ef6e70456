"""Chooses the body asset for the betas of each subject.

SHADER's `shape` holds betas of SMPL's male or female model, depending on the batch. The same betas
give another body with another model. Source: https://github.com/YCL92/SHADER.
"""

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from model.body.predictor import BodyPredictor
from model.errors import InvalidInputError
from training.datasets.shader import ShaderSubject

GENDERS = ("male", "female")
_NEEDED = (
    "SHADER's shapes are betas of SMPL's male and female models: give --asset-male and "
    "--asset-female, which `python -m training assets smpl` makes; or --asset for data whose "
    "shapes belong to one body, as those of `python -m training data synth`"
)


@dataclass(frozen=True)
class ScoringAsset:
    """A body asset and its file."""

    path: Path
    predictor: BodyPredictor

    def __str__(self) -> str:
        """Its file, licence and source."""
        if self.predictor.header is None:
            return str(self.path)
        header = self.predictor.header
        source = header.lineage[-1].recipe.get("source", header.trained_on)
        return f"{self.path} ({header.licence}, from {source})"


def add_asset_options(parser: argparse.ArgumentParser) -> None:
    """`--asset-male` and `--asset-female`, or `--asset` for both."""
    for gender in GENDERS:
        parser.add_argument(
            f"--asset-{gender}",
            type=Path,
            metavar="FILE",
            help=f"body asset that the betas of {gender} subjects belong to",
        )
    parser.add_argument(
        "--asset", type=Path, metavar="FILE", help="body asset of all subjects, instead of the two"
    )
    parser.set_defaults(wrong_usage=parser.error)


def load_assets(args: argparse.Namespace) -> dict[str, ScoringAsset]:
    """Load the assets that the options name, by gender.

    Raises:
        FileNotFoundError: One does not exist.
        CheckpointError: One is damaged or another kind of file.
    """
    paths = {gender: getattr(args, f"asset_{gender}") for gender in GENDERS}
    given = {gender: path for gender, path in paths.items() if path is not None}
    if (args.asset is None) == (not given):
        args.wrong_usage(_NEEDED if not given else "--asset goes with neither of the other two")
    if args.asset is not None:
        asset = ScoringAsset(args.asset, BodyPredictor.from_checkpoint(args.asset, args.device))
        return dict.fromkeys(GENDERS, asset)
    return {
        gender: ScoringAsset(path, BodyPredictor.from_checkpoint(path, args.device))
        for gender, path in given.items()
    }


def refuse_missing_assets(
    subjects: Iterable[ShaderSubject], assets: Mapping[str, ScoringAsset]
) -> None:
    """Check that there is an asset for every subject.

    Raises:
        InvalidInputError: One has none.
    """
    for subject in subjects:
        if subject.gender not in assets:
            raise InvalidInputError(
                f"{subject.key} is {subject.gender}, and there is no asset for its betas: give "
                f"--asset-{subject.gender}"
            )
