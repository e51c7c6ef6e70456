"""Packs what a capability learns from: python -m training data prepare clothing --ccp DIR.

Training does the same by itself when it begins; this does it beforehand, and alone.
"""

import argparse
import logging
import sys

from training.arguments import at_least, output_folder
from training.clothing.recipe import DataRecipe
from training.clothing.sources import packed_photos


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training data prepare`."""
    defaults = DataRecipe()
    parser.add_argument("capability", choices=["clothing"], help="what the data is for")
    parser.add_argument("--ccp", required=True, metavar="DIR", help="folder of Clothing Co-Parsing")
    parser.add_argument(
        "--tagged", metavar="DIR", help="folder of `data tagged`, to learn from too"
    )
    parser.add_argument(
        "--side",
        type=at_least(32),
        default=defaults.photo_side,
        metavar="PIXELS",
        help="longer side of the packed photos, `data.photo_side` of a recipe (%(default)s)",
    )
    parser.add_argument(
        "--cache",
        type=output_folder,
        default=defaults.cache,
        metavar="DIR",
        help="where packed photos are kept, `data.cache` of a recipe (%(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Pack what is not packed yet; an interrupted call goes on where it was."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    recipe = DataRecipe(
        photos=args.ccp, tagged=args.tagged, photo_side=args.side, cache=str(args.cache)
    )
    for held_out, use in ((False, "to learn from"), (True, "held out")):
        photos = packed_photos(recipe, held_out)
        sys.stdout.write(f"{len(photos)} photos {use} in {photos.folder}\n")
    return 0
