"""Factors on the probabilities of labels that a network predicts too rarely.

`data tagged` labels the pixels of Clothing Co-Parsing's photos that have only tags, to learn from
them too. The network may only choose among the labels that the tags name. Each is multiplied by
what lets it cover the lower quartile of its areas in the photos that people labelled. Source:
pseudo-labels (Lee, ICML 2013 workshop) with a share of the picture for each tag (Papandreou et al.,
Weakly- and Semi-Supervised Learning of a Deep Convolutional Network, ICCV 2015, section 3.2).

`balance clothing` puts factors for groups into the last layer's biases. A group that is predicted
for fewer than three quarters as many pixels as have it, in photos that were learned from, gets the
factor with the best score there. Source: Menon et al., Long-tail learning via logit adjustment,
ICLR 2021, section 4.1, with factors that are searched and not derived.

H W a photo's size, h w the map's, N cells, C fine labels, G groups, K labels that tags allow.
"""

import argparse
import dataclasses
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy.io import savemat
from torch import Tensor
from tqdm import tqdm

from model.checkpoint import TrainingPart, load_checkpoint, save_checkpoint
from model.clothing.label_map import Placement, label_map
from model.clothing.labels import FINE, GROUP_OF, GROUPED, LABELS
from model.clothing.predictor import ARCHITECTURE, ClothingPredictor, preprocess
from model.errors import InvalidInputError
from training.arguments import add_ccp, at_least, output_file, output_folder
from training.capability import Functions
from training.clothing.data import open_photos
from training.clothing.losses import groups_of, in_groups
from training.clothing.metrics import Confusion, score_of
from training.datasets.ccp import ClothingCoParsing, TaggedPhotos, photo_path
from training.datasets.ccp_kaggle import LabelledPhotos
from training.datasets.packed import evenly_spaced
from training.engine.atomic import replacing
from training.engine.run import current_commit

BIASES = "network.classify.bias"
RARELY = 0.75
"""Of the pixels that have a group: a group that is predicted for fewer gets a factor."""
FACTORS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
CELL_STEP, FEW = 4, 5
"""Every fourth cell of a map is looked at; an area is usual if so many labelled photos show it."""
LARGEST_TAG_FACTOR = 10.0
"""A label that needs a larger one gets none."""
ALWAYS = tuple(LABELS.index(name) for name in ("null", "skin", "hair"))
"""Allowed in every photo."""
GROUPS = torch.from_numpy(GROUP_OF.astype(np.int64))
"""(C,) group of each fine label."""
CHECKPOINT = Path("checkpoints/clothing.safetensors")


def configure_tagged(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training data tagged`."""
    add_ccp(parser, required=True)
    parser.add_argument(
        "--checkpoint", type=Path, default=CHECKPOINT, help="network that decides (%(default)s)"
    )
    parser.add_argument(
        "--out", type=output_folder, default="data/tagged", help="folder to write (%(default)s)"
    )


def run_tagged(args: argparse.Namespace) -> int:
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
        photo, source = photos.read(number), photo_path(photos.root, number)
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
    numbers = tqdm(dataset.numbers_of("training"), desc="usual areas", unit="photo")
    labels = (dataset.read_labels(number).ravel() for number in numbers)
    shares = np.array([np.bincount(one, minlength=len(LABELS)) / one.size for one in labels])
    columns = (column[column > 0] for column in shares.T)
    return np.array([np.quantile(c, 0.25) if len(c) >= FEW else 0.0 for c in columns])


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
        least = [0.0 if label in ALWAYS else float(areas[label]) for label in allowed]
        chosen, _ = label_map(with_least_areas(placement.cut(maps), least), placement)
    labels: np.ndarray = np.array(allowed, np.uint8)[chosen.numpy()]
    return labels


def with_least_areas(
    probabilities: Float[Tensor, "h w K"], least: Sequence[float]
) -> Float[Tensor, "h w K"]:
    """Probabilities by which each label wins in at least its share of the cells.

    A label that wins in too few is multiplied by the least factor that is enough, up to
    `LARGEST_TAG_FACTOR`. Small things lie upon large ones, so the largest share comes first.

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
        if 1 < factor <= LARGEST_TAG_FACTOR:
            cells[:, label] *= factor
    return (cells / cells.sum(1, keepdim=True)).view_as(probabilities)


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)


def configure_balance(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training balance clothing`."""
    parser.add_argument(
        "--checkpoint", type=Path, default=CHECKPOINT, help="network to balance (%(default)s)"
    )
    add_ccp(parser, required=True)
    parser.add_argument(
        "--out", type=output_file, required=True, metavar="FILE", help="checkpoint to write"
    )
    parser.add_argument(
        "--photos", type=at_least(1), default=200, metavar="N", help="training photos (%(default)s)"
    )


def run_balance(args: argparse.Namespace) -> int:
    """Choose the factors, print them, and write the checkpoint that has them."""
    header, tensors = load_checkpoint(args.checkpoint, ARCHITECTURE)
    if BIASES not in tensors:
        raise InvalidInputError(f"{args.checkpoint} holds a network without {BIASES}")
    predictor = ClothingPredictor.from_checkpoint(args.checkpoint)
    dataset = open_photos(args.ccp)
    numbers = evenly_spaced(dataset.numbers_of("training"), args.photos)
    factors = choose_factors(*cells_of(predictor, dataset, numbers))
    chosen = {
        name: factor for name, factor in zip(GROUPED.labels, factors, strict=True) if factor != 1
    }
    biases = tensors[BIASES].float() + torch.tensor(factors)[GROUPS].log()
    command = f"python -m training balance clothing --checkpoint {args.checkpoint} "
    command += f"--ccp {args.ccp} --photos {args.photos} --out {args.out}"
    part = TrainingPart(
        recipe={"command": command, "balance": chosen},
        commit=current_commit(),
        data=f"{args.photos} of the photos that were learned from",
        steps=0,
    )
    header = dataclasses.replace(header, lineage=(*header.lineage, part), metrics={})
    save_checkpoint(args.out, tensors | {BIASES: biases.to(tensors[BIASES].dtype)}, header)
    sys.stdout.writelines(f"{name:<12} {factor:g}\n" for name, factor in chosen.items())
    sys.stdout.write(f"wrote {args.out}; measure it with `evaluate clothing`\n")
    return 0


def cells_of(
    predictor: ClothingPredictor, dataset: LabelledPhotos, numbers: Sequence[int]
) -> tuple[Float[Tensor, "N C"], Int64[Tensor, " N"]]:
    """Probabilities of some cells of each photo, and their true labels.

    Args:
        predictor: Whose network is asked.
        dataset: Where photos come from.
        numbers: Of the photos.
    """
    found, truth = [], []
    for number in tqdm(numbers, desc="photos to balance by", unit="photo"):
        photo = dataset.read(number)
        maps = predictor.run_batch(predictor.prepare_batch([photo.image]))
        with torch.inference_mode():
            cells = maps.arrived()[0].permute(1, 2, 0)
            placement = Placement.of(maps.letterboxes[0], (cells.shape[0], cells.shape[1]))
            cells = placement.cut(cells)
        centres = [
            ((np.arange(num) + 0.5) * side / num).astype(int)
            for num, side in zip(cells.shape[:2], photo.labels.shape, strict=True)
        ]
        labels = torch.from_numpy(photo.labels[np.ix_(*centres)].astype(np.int64))
        found.append(cells.flatten(0, 1)[::CELL_STEP].clone())
        truth.append(labels.flatten()[::CELL_STEP])
    return torch.cat(found), torch.cat(truth)


def choose_factors(
    probabilities: Float[Tensor, "N C"], truth: Int64[Tensor, " N"]
) -> tuple[float, ...]:
    """(G,) factor of each group's labels; 1 for most.

    Groups are taken in turn, the rarest first, with the factors before applied.

    Args:
        probabilities: Of the fine labels.
        truth: Their ids.
    """
    grouped = in_groups(probabilities[..., None, None])[..., 0, 0]
    there, group_there = truth.numpy(), groups_of(truth).numpy()
    factors = torch.ones(len(GROUPED))

    def confusions() -> tuple[Confusion, Confusion]:
        fine, groups = (probabilities * factors[GROUPS]).argmax(1), (grouped * factors).argmax(1)
        return (
            Confusion.of(there, fine.numpy(), len(FINE)),
            Confusion.of(group_there, groups.numpy(), len(GROUPED)),
        )

    pixels = confusions()[1]
    rare = np.flatnonzero(pixels.predicted_pixels < RARELY * pixels.true_pixels)
    by_size = sorted(rare.tolist(), key=lambda number: int(pixels.true_pixels[number]))
    for group in tqdm(by_size, desc="factors", unit="group"):
        scores = []
        for factor in FACTORS:
            factors[group] = factor
            scores.append(score_of(*confusions()))
        factors[group] = FACTORS[int(np.argmax(scores))]
    return tuple(factors.tolist())


TAGGED = Functions(configure_tagged, run_tagged)
BALANCE = Functions(configure_balance, run_balance)
