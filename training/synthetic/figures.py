"""python -m training figures synthetic: a contact sheet of rendered people and their truth."""

import argparse
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image
from tqdm import tqdm

from model.silhouette.confidence import sigma_for, silhouette_confidence
from training.arguments import at_least, output_file
from training.engine.atomic import replacing
from training.synthetic.composing import Picture
from training.synthetic.scene import Synthesizer


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "--out", type=output_file, default="synthetic.png", help="picture to write (.png or .jpg)"
    )
    parser.add_argument("--rows", type=at_least(1), default=4, help="rows of people")
    parser.add_argument("--columns", type=at_least(1), default=6, help="people in a row")
    parser.add_argument(
        "--size", type=at_least(1), default=256, help="side of each picture in pixels"
    )
    parser.add_argument(
        "--seed", type=at_least(0), default=0, help="another seed gives other people"
    )
    parser.add_argument(
        "--poses", type=Path, metavar="DIR", help="folder of CMU motion capture in BVH"
    )


def run(args: argparse.Namespace) -> int:
    """Draw the sheet."""
    sheet = contact_sheet(args.rows, args.columns, args.size, args.seed, args.poses)
    picture_format = "JPEG" if args.out.suffix.lower() in (".jpg", ".jpeg") else "PNG"
    with replacing(args.out) as temporary:
        # PNG takes no notice of the quality.
        Image.fromarray(sheet).save(temporary, picture_format, quality=88)
    print(f"{args.out}: {args.rows * args.columns} people, dressed above their confidence map")
    return 0


def contact_sheet(
    num_rows: int, num_columns: int, size: int, seed: int, poses: Path | None = None
) -> Picture:
    """People dressed, and under each the confidence map in magma: RGB (H, W, 3)."""
    synthesizer = Synthesizer(seed, poses=poses)
    magma = colormaps["magma"]
    tiles: list[Picture] = []
    for index in tqdm(range(num_rows * num_columns), unit="person"):
        frame = synthesizer.frame(synthesizer.subject(index), (index, 0), (size, size), samples=2)
        confidence = silhouette_confidence(frame.naked, frame.dressed, sigma_for((size, size)))
        truth = (magma(confidence)[..., :3] * 255).astype(np.uint8)
        tiles.append(np.concatenate([frame.dressed[..., :3], truth]))
    rows = [
        np.concatenate(tiles[row * num_columns : (row + 1) * num_columns], axis=1)
        for row in range(num_rows)
    ]
    return np.concatenate(rows)
