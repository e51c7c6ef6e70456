"""Labels every pixel of photos that only say what is worn: python -m training data tagged.

A trained network decides where each thing is, and may only choose among the labels that the photo's
tags name. What comes out is a folder in the layout of Clothing Co-Parsing, to learn from beside the
photos that people labelled: `data.tagged` of a recipe. People made the tags, so a network learns
more from them than it knew: that this coat is a blazer.

Source: pseudo-labels (Lee, ICML 2013 workshop), restricted by tags as in weakly supervised
segmentation (Papandreou et al., ICCV 2015).
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.io import savemat
from tqdm import tqdm

from model.clothing.label_map import Placement, label_map
from model.clothing.labels import LABELS
from model.clothing.predictor import ClothingPredictor, preprocess
from model.errors import InvalidInputError
from training.datasets.ccp_tags import TaggedPhotos
from training.engine.atomic import replacing

ALWAYS = tuple(LABELS.index(name) for name in ("null", "skin", "hair"))
"""Allowed in every photo: nearly all tags name them, and where they do not it is by oversight."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training data tagged`."""
    parser.add_argument(
        "--ccp", type=Path, required=True, metavar="DIR", help="folder of Clothing Co-Parsing"
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=Path("checkpoints/clothing.safetensors"),
        help="the network that decides (%(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("data/tagged"), help="folder to write (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Label what is not labelled yet; photos of an earlier call stay as they are."""
    photos = TaggedPhotos.open(args.ccp)
    if photos.label_names != LABELS:
        raise InvalidInputError(f"{args.ccp} has other labels than Clothing Co-Parsing")
    predictor = ClothingPredictor.from_checkpoint(args.checkpoint)
    _copy(photos.root / "label_list.mat", args.out / "label_list.mat")
    for number in tqdm(photos.numbers, desc="labelling", unit="photo"):
        path = args.out / "annotations" / "pixel-level" / f"{number:04d}.mat"
        if path.exists():
            continue
        photo = photos.read(number)
        name = f"{number:04d}.jpg"
        _copy(photos.root / "photos" / name, args.out / "photos" / name)
        labels = label_tagged(predictor, photo.image, photo.tags)
        with replacing(path) as temporary:
            savemat(temporary, {"groundtruth": labels}, do_compression=True)
    sys.stdout.write(f"wrote {len(photos.numbers)} labelled photos to {args.out}\n")
    return 0


def label_tagged(
    predictor: ClothingPredictor, image: np.ndarray, tags: Sequence[int]
) -> np.ndarray:
    """(H, W) uint8 the likeliest label of each pixel among the tags and `ALWAYS`.

    Args:
        predictor: Whose network decides, by the picture and its mirror image.
        image: (H, W, 3) uint8 RGB.
        tags: Label ids.
    """
    allowed = sorted({*tags, *ALWAYS})
    picture, letterbox = preprocess(image, predictor.input_size)
    with torch.inference_mode():
        picture = picture.to(predictor.device)
        mirrored = predictor.network(picture.flip(-1)).flip(-1)
        maps = (predictor.network(picture) + mirrored)[0, allowed].permute(1, 2, 0).cpu()
        placement = Placement.of(letterbox, (maps.shape[0], maps.shape[1]))
        chosen, _ = label_map(placement.cut(maps), placement)
    labels: np.ndarray = np.array(allowed, np.uint8)[chosen.numpy()]
    return labels


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
