"""Labels every pixel of photos that only say what is worn: python -m training data tagged.

A trained network decides where each thing is, and may only choose among the labels that the photo's
tags name. What comes out is a folder in the layout of Clothing Co-Parsing, to learn from beside the
photos that people labelled: `data.tagged` of a recipe. People made the tags, so a network learns
more from them than it knew: that this coat is a blazer.

What a network hardly knows it finds nowhere, though the tags say that it is there. So each tag's
label is made likelier in a photo until it covers what such things usually do: the area that three
quarters of the photos with that label, of those that people labelled, reach.

Source: pseudo-labels (Lee, ICML 2013 workshop), restricted by tags and with a share of the picture
for each tag, as in weakly supervised segmentation (Papandreou et al., Weakly- and Semi-Supervised
Learning of a Deep Convolutional Network, ICCV 2015, section 3.2, "EM-Adapt").

h w size of the network's map, K labels that a photo's tags allow.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.io import savemat
from torch import Tensor
from tqdm import tqdm

from model.clothing.label_map import Placement, label_map
from model.clothing.labels import LABELS
from model.clothing.predictor import ClothingPredictor, preprocess
from model.errors import InvalidInputError
from training.arguments import output_folder
from training.datasets.ccp import ClothingCoParsing, TaggedPhotos, photo_path
from training.engine.atomic import replacing

FEW = 5
"""Labelled photos from which a usual area can be told."""
MOST_LIKELIER = 10.0
"""A network that finds a thing less likely than this everywhere does not know where it is: a
bracelet that was made a hundred times likelier came to lie on boots."""
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
        "--out", type=output_folder, default="data/tagged", help="folder to write (%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Label what is not labelled yet; photos of an earlier call stay as they are."""
    photos = TaggedPhotos.open(args.ccp)
    if photos.label_names != LABELS:
        raise InvalidInputError(f"{args.ccp} has other labels than Clothing Co-Parsing")
    predictor = ClothingPredictor.from_checkpoint(args.checkpoint)
    areas = usual_areas(ClothingCoParsing.open(args.ccp))
    _copy(photos.root / "label_list.mat", args.out / "label_list.mat")
    for number in tqdm(photos.numbers, desc="labelling", unit="photo"):
        path = args.out / "annotations" / "pixel-level" / f"{number:04d}.mat"
        if path.exists():
            continue
        photo = photos.read(number)
        source = photo_path(photos.root, number)
        _copy(source, args.out / "photos" / f"{number:04d}{source.suffix.lower()}")
        labels = label_tagged(predictor, photo.image, photo.tags, areas)
        with replacing(path) as temporary:
            savemat(temporary, {"groundtruth": labels}, do_compression=True)
    sys.stdout.write(f"wrote {len(photos.numbers)} labelled photos to {args.out}\n")
    return 0


def usual_areas(dataset: ClothingCoParsing) -> np.ndarray:
    """(59,) shares of a photo that the labels cover: the lower quartiles where they occur.

    Of photos to learn from; 0 for a label that is in fewer than `FEW` of them.
    """
    shares: list[list[float]] = [[] for _ in LABELS]
    for number in tqdm(dataset.numbers_of("training"), desc="usual areas", unit="photo"):
        labels = dataset.read_labels(number)
        for label, pixels in enumerate(np.bincount(labels.ravel(), minlength=len(LABELS))):
            if pixels:
                shares[label].append(pixels / labels.size)
    return np.array([np.quantile(s, 0.25) if len(s) >= FEW else 0.0 for s in shares])


def label_tagged(
    predictor: ClothingPredictor, image: np.ndarray, tags: Sequence[int], areas: np.ndarray
) -> np.ndarray:
    """(H, W) uint8 the likeliest label of each pixel among the tags and `ALWAYS`.

    Args:
        predictor: Whose network decides, by the picture and its mirror image.
        image: (H, W, 3) uint8 RGB.
        tags: Label ids.
        areas: (59,) least share of the picture for each of them, in [0, 1].
    """
    allowed = sorted({*tags, *ALWAYS})
    picture, letterbox = preprocess(image, predictor.input_size)
    with torch.inference_mode():
        picture = picture.to(predictor.device)
        mirrored = predictor.network(picture.flip(-1)).flip(-1)
        maps = (predictor.network(picture) + mirrored)[0, allowed].permute(1, 2, 0).cpu()
        placement = Placement.of(letterbox, (maps.shape[0], maps.shape[1]))
        cells = placement.cut(maps)
        least = [0.0 if label in ALWAYS else float(areas[label]) for label in allowed]
        chosen, _ = label_map(with_least_areas(cells, least), placement)
    labels: np.ndarray = np.array(allowed, np.uint8)[chosen.numpy()]
    return labels


def with_least_areas(
    probabilities: Float[Tensor, "h w K"], least: Sequence[float]
) -> Float[Tensor, "h w K"]:
    """Probabilities by which each label wins in at least its share of the cells.

    Each label that wins in too few is multiplied by what lets it win in just enough of them; one
    that would have to be multiplied by more than `MOST_LIKELIER` stays as it is. Small things lie
    upon large ones and not the other way round, so the largest share comes first.

    Args:
        probabilities: Positive.
        least: (K,) shares, in [0, 1]; where they add up to more than there is, those of small
            things hold.
    """
    cells = probabilities.flatten(0, 1).clone()
    for label in sorted(range(len(least)), key=lambda k: -least[k]):
        wanted = round(least[label] * len(cells))
        if wanted == 0:
            continue
        others = cells.clone()
        others[:, label] = 0
        missing = others.amax(1) / cells[:, label].clamp_min(1e-12)
        # A little more than the ratio at which both are as likely.
        factor = 1.0001 * float(missing.kthvalue(min(wanted, len(cells))).values)
        if 1 < factor <= MOST_LIKELIER:
            cells[:, label] *= factor
    total = cells.sum(1, keepdim=True)
    return (cells / total).view_as(probabilities)


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
