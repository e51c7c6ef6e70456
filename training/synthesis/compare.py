"""Trains every method on one person's frames, joins them, and measures all in one table.

    OUT/<method>-<seed>/          a run's folder
    OUT/synthesis.safetensors     all methods, the nearest frames among them
    OUT/report.json, comparison.md

What is done is not done twice: an interrupted command goes on when it is called again.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

from model.errors import InvalidInputError
from model.synthesis.person import save_person
from model.synthesis.predictor import SynthesisPredictor
from training.arguments import at_least, device, output_folder
from training.engine.atomic import write_text
from training.engine.comparison_runs import competitors, train_alike, within_budget
from training.engine.precision import pick_device
from training.recipe import load_recipe
from training.synthesis.evaluate import measure, tables_of
from training.synthesis.join import join
from training.synthesis.recipe import SynthesisRecipe
from training.synthesis.task import FITTING, RECIPES, configure_data

ALL = tuple(RECIPES / f"{name}.toml" for name in ("vector", "drawing", "gan", "default"))


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training compare synthesis`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add = parser.add_argument
    add(
        "--recipe",
        type=Path,
        nargs="+",
        default=ALL,
        metavar="TOML",
        help="what to train, each method once (all four)",
    )
    add("--seed", type=at_least(0), default=0, metavar="N", help="(%(default)s)")
    add("--steps", type=at_least(1), metavar="N", help="steps of each run (the recipes' own)")
    add(
        "--minutes",
        type=at_least(1),
        metavar="N",
        help="processor minutes after which each run ends (the recipes' own)",
    )
    add(
        "--out",
        type=output_folder,
        default="runs/comparison-synthesis",
        metavar="DIR",
        help="(%(default)s)",
    )
    add("--device", type=device, help="auto, cpu, cuda, cuda:1 ...")
    configure_data(parser)


def run(args: argparse.Namespace) -> int:
    """Train what is not trained yet, join, measure, write the table.

    Returns:
        0, or 128 plus the signal when interrupted.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if args.frames is None:
        raise InvalidInputError("--frames names a folder of frames; `data synthesis` makes one")
    recipes: dict[str, SynthesisRecipe] = {}
    for path in args.recipe:
        recipe = FITTING.with_options(load_recipe(path, SynthesisRecipe), args)
        if recipe.method in recipes:
            raise InvalidInputError(f"{path} is a second recipe of {recipe.method}; name one")
        recipes[recipe.method] = within_budget(recipe, args)
    chosen = competitors(recipes, (args.seed,), args.out)
    if (status := train_alike(chosen, FITTING.train)) is not None:
        return status
    files = []
    for one in chosen:
        files.append(one.folder.path / "synthesis.safetensors")
        FITTING.export(one.folder, files[-1])
    sizes = [recipe.network.image_size for recipe in recipes.values()]
    together = argparse.Namespace(
        checkpoint=files, frames=args.frames, person=args.person, size=max(sizes), every=1
    )
    header, person = join(together)
    path = args.out / "synthesis.safetensors"
    save_person(path, person, header)
    predictor = SynthesisPredictor([person], pick_device(args.device or "auto"), header)
    measured_on = argparse.Namespace(frames=args.frames, poses=None, split="test", limit=None)
    report, _ = measure(person, predictor, measured_on)
    tables = tables_of(report)
    write_text(args.out / "report.json", json.dumps(report, indent=2) + "\n")
    markdown = "\n\n".join(table.markdown() for table in tables.values()) + "\n"
    write_text(args.out / "comparison.md", markdown)
    sys.stdout.write(f"{markdown}wrote {path}\n")
    return 0
