"""Draws what `data label-photos` has found: to be looked at before anything is learned from it.

Beside each photo, the persons in colours with unknown pixels in white, and what each pixel says of
the body: magenta for body, dark for background.

H W a photo's size.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from training.arguments import at_least, output_file
from training.datasets.body_evidence import BACKGROUND, BODY, SKIN
from training.datasets.labelled_photos import LabelledPhoto, LabelledPhotos
from training.datasets.photo_label import UNKNOWN_PERSON
from training.engine.atomic import replacing
from training.reporting.contact_sheet import Tile, contact_sheet

COLOURS = np.array(
    [(230, 60, 60), (60, 200, 60), (70, 120, 255), (255, 200, 0), (200, 60, 255), (0, 220, 220)]
)
WHITE, MAGENTA, GREEN, YELLOW = (255, 255, 255), (255, 0, 255), (0, 255, 0), (255, 255, 0)
SHOWN = 0.5
"""Least visibility of a keypoint that is drawn."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training figures photo-labels`."""
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="DIR", help="what data label-photos wrote"
    )
    parser.add_argument(
        "--out", type=output_file, default="photo_labels.png", metavar="FILE", help="(%(default)s)"
    )
    parser.add_argument(
        "--count", type=at_least(1), default=24, metavar="N", help="photos (%(default)s)"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="(%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Draw some photos with people, drawn at random."""
    photos = LabelledPhotos(args.labels, nobody=False)
    count = min(args.count, len(photos))
    chosen = np.random.default_rng(args.seed).permutation(len(photos))[:count].tolist()
    tiles = [tile(photos.key(index), photos[index]) for index in chosen]
    with replacing(args.out) as temporary:
        contact_sheet(tiles).save(temporary)
    sys.stdout.write(f"wrote {args.out}: {count} of {len(photos)} photos with people\n")
    return 0


def tile(key: str, photo: LabelledPhoto) -> Tile:
    """A photo, its persons, and what it says of the body."""
    known = ", ".join(f"{person.source} {person.score:.2f}" for person in photo.people)
    return Tile(f"{key[-32:]}: {known}"[:80], (photo.image, persons(photo), evidence(photo)))


def persons(photo: LabelledPhoto) -> np.ndarray:
    """(H, W, 3) uint8: each person in a colour, with box and keypoints."""
    drawn = photo.image * 0.4
    for number in range(1, len(photo.people) + 1):
        mask = photo.ids == number
        drawn[mask] = 0.5 * photo.image[mask] + 0.5 * COLOURS[number % len(COLOURS)]
    unknown = photo.ids == UNKNOWN_PERSON
    drawn[unknown] = 0.4 * photo.image[unknown] + 0.6 * np.array(WHITE)
    picture = Image.fromarray(drawn.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for number, person in enumerate(photo.people, 1):
        draw.rectangle(person.box.tolist(), outline=tuple(COLOURS[number % len(COLOURS)].tolist()))
        for x, y, visibility in person.keypoints.tolist():
            if visibility >= SHOWN:
                draw.ellipse([x - 2, y - 2, x + 2, y + 2], fill=YELLOW)
    return np.asarray(picture)


def evidence(photo: LabelledPhoto) -> np.ndarray:
    """(H, W, 3) uint8: body in magenta, labelled skin in green, background dark."""
    drawn, known = photo.image.astype(np.float32), photo.evidence()
    drawn[known == BACKGROUND] *= 0.3
    for value, colour in ((BODY, MAGENTA), (SKIN, GREEN)):
        drawn[known == value] = 0.3 * drawn[known == value] + 0.7 * np.array(colour)
    return drawn.astype(np.uint8)
