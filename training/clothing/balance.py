"""Makes what a clothing network gives too rarely likelier: python -m training balance clothing.

What is rare and often mistaken is never the likeliest at any pixel, though the network does see it.
Each group that is given to fewer than three quarters as many pixels as have it, in photos that were
learned from, is multiplied by the factor that is best there by the score that `fit` goes by; the
held-out photos take no part. The factors go into the last layer's biases, so that nothing is slower
for it.

Source: moving a classifier's decisions after training by factors for each class (Menon et al.,
Long-tail learning via logit adjustment, ICLR 2021, section 4.1), here chosen and not derived.

N cells, C fine labels, G groups.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from tqdm import tqdm

from model.checkpoint import TrainingPart, load_checkpoint, save_checkpoint
from model.clothing.label_map import Placement
from model.clothing.labels import FINE, GROUP_OF, GROUPED
from model.clothing.predictor import ARCHITECTURE, ClothingPredictor
from model.errors import InvalidInputError
from training.arguments import at_least, output_file
from training.clothing.losses import groups_of, in_groups
from training.clothing.metrics import Confusion, score_of
from training.clothing.recipe import DataRecipe
from training.clothing.sources import LabelledDataset, open_photos
from training.engine.run import current_commit

BIASES = "network.classify.bias"
RARELY = 0.75
"""Of the pixels that have a group; what is given to fewer is given too rarely."""
FACTORS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
CELL_STEP = 4
"""Of so many neighbouring cells one is looked at."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m training balance clothing`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.add_argument("--checkpoint", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--ccp", type=Path, required=True, metavar="DIR", help="folder of Clothing Co-Parsing"
    )
    parser.add_argument(
        "--out", type=output_file, required=True, metavar="FILE", help="where to write it"
    )
    parser.add_argument(
        "--photos",
        type=at_least(1),
        default=200,
        metavar="N",
        help="so many photos of those to learn from (%(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Choose the factors, say them, and write the checkpoint that has them."""
    header, tensors = load_checkpoint(args.checkpoint, ARCHITECTURE)
    if BIASES not in tensors:
        raise InvalidInputError(f"{args.checkpoint} holds a network without {BIASES}")
    predictor = ClothingPredictor.from_checkpoint(args.checkpoint)
    dataset = open_photos(DataRecipe(photos=str(args.ccp)))
    factors = choose_factors(
        *cells_of(predictor, dataset, evenly_spaced_photos(dataset, args.photos))
    )
    chosen = {
        name: factor for name, factor in zip(GROUPED.labels, factors, strict=True) if factor != 1
    }
    biases = torch.tensor(factors)[torch.from_numpy(GROUP_OF.astype(np.int64))].log()
    moved = tensors | {BIASES: (tensors[BIASES].float() + biases).to(tensors[BIASES].dtype)}
    part = TrainingPart(
        recipe={
            "command": f"python -m training balance clothing --checkpoint {args.checkpoint} "
            f"--ccp {args.ccp} --photos {args.photos} --out {args.out}",
            "balance": chosen,
        },
        commit=current_commit(),
        data=f"{args.photos} of the photos that were learned from",
        steps=0,
    )
    header = dataclasses.replace(header, lineage=(*header.lineage, part), metrics={})
    save_checkpoint(args.out, moved, header)
    for name, factor in chosen.items():
        sys.stdout.write(f"{name:<12} {factor:g}\n")
    sys.stdout.write(f"wrote {args.out}\n")
    return 0


def evenly_spaced_photos(dataset: LabelledDataset, num_photos: int) -> list[int]:
    """So many of the photos to learn from, at equal distances."""
    numbers = dataset.numbers_of("training")
    places = np.linspace(0, len(numbers) - 1, min(num_photos, len(numbers))).round().astype(int)
    return [numbers[place] for place in places]


def cells_of(
    predictor: ClothingPredictor, dataset: LabelledDataset, numbers: Sequence[int]
) -> tuple[Float[Tensor, "N C"], Int64[Tensor, " N"]]:
    """What the network says of some cells of each photo, and what is there.

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
    """(G,) what to multiply the probability of each group's labels by; 1 for most.

    Groups are taken in turn, the rarest first; each one's factor is chosen with those before it in
    place.

    Args:
        probabilities: Of the fine labels.
        truth: Their ids.
    """
    grouped = in_groups(probabilities[..., None, None])[..., 0, 0]
    group_of = torch.from_numpy(GROUP_OF.astype(np.int64))
    there, group_there = truth.numpy(), groups_of(truth).numpy()
    factors = torch.ones(len(GROUPED))

    def confusions() -> tuple[Confusion, Confusion]:
        fine, groups = (probabilities * factors[group_of]).argmax(1), (grouped * factors).argmax(1)
        return (
            Confusion.of(there, fine.numpy(), len(FINE)),
            Confusion.of(group_there, groups.numpy(), len(GROUPED)),
        )

    pixels = confusions()[1]
    rare = np.flatnonzero(pixels.predicted_pixels < RARELY * pixels.true_pixels)
    steps = tqdm(total=len(rare) * len(FACTORS), desc="factors", unit="factor")
    for group in sorted(rare, key=lambda number: int(pixels.true_pixels[number])):
        scores = []
        for factor in FACTORS:
            factors[group] = factor
            scores.append(score_of(*confusions()))
            steps.update()
        factors[group] = FACTORS[int(np.argmax(scores))]
    steps.close()
    return tuple(factors.tolist())
