"""Averages the weights of checkpoints: python -m training average <slug>.

The checkpoints must have been trained from one another or from the same checkpoint. The averaged
network is often better than each of them, at the cost of one. For checkpoints that were trained
independently the average is useless. Layers that only the last one has, such as a new head, are
kept as they are.

Sources: Wortsman et al., Model soups: averaging weights of multiple fine-tuned models improves
accuracy without increasing inference time, ICML 2022, section 2 (uniform soup); Wortsman et al.,
Robust fine-tuning of zero-shot models, CVPR 2022 (a share for the last one: what was learned before
it is kept).
"""

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from model.checkpoint import (
    CheckpointHeader,
    TrainingPart,
    in_half_precision,
    load_checkpoint,
    save_checkpoint,
)
from model.errors import InvalidInputError
from training.arguments import fraction, output_file
from training.engine.run import current_commit

Loaded = tuple[CheckpointHeader, Mapping[str, Tensor]]


@dataclass(frozen=True)
class Averaging:
    """What differs between capabilities."""

    slug: str
    architectures: tuple[str, ...]
    """Architectures that a checkpoint may have."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Options of `python -m training average`."""
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.description = __doc__
        parser.add_argument(
            "--checkpoint",
            type=Path,
            nargs="+",
            required=True,
            metavar="FILE",
            help="two or more, in the order they were made in",
        )
        parser.add_argument(
            "--last-share",
            type=fraction,
            metavar="S",
            help="weight of the last one, 0 to 1; the others share the rest (all count alike)",
        )
        parser.add_argument(
            "--out", type=output_file, required=True, metavar="FILE", help="where to write it"
        )

    def run(self, args: argparse.Namespace) -> int:
        """Read them, average them, write the mean."""
        if len(args.checkpoint) < 2:
            raise InvalidInputError("two or more checkpoints are needed for a mean")
        headers: list[CheckpointHeader] = []
        weights: list[dict[str, Tensor]] = []
        for path in args.checkpoint:
            header, tensors = load_checkpoint(path, *self.architectures)
            first = headers[0] if headers else header
            if header.licence != first.licence:
                raise InvalidInputError(f"{path} has another licence than {args.checkpoint[0]}")
            headers.append(header)
            weights.append(tensors)
        last = headers[-1], weights[-1]
        for path, header, tensors in zip(args.checkpoint, headers, weights, strict=True):
            if not _is_part_of((header, tensors), last):
                raise InvalidInputError(f"{path} holds another network than {args.checkpoint[-1]}")
        names = " ".join(map(str, args.checkpoint))
        share = "" if args.last_share is None else f" --last-share {args.last_share:g}"
        command = (
            f"python -m training average {self.slug} --checkpoint {names}{share} --out {args.out}"
        )
        mean = mean_of(weights, args.last_share)
        save_checkpoint(args.out, mean, _header(headers, command))
        sys.stdout.write(
            f"wrote {args.out}; measure it with\n"
            f"  python -m training evaluate {self.slug} --checkpoint {args.out} ...\n"
        )
        return 0


def mean_of(
    weights: Sequence[Mapping[str, Tensor]], last_share: float | None = None
) -> dict[str, Tensor]:
    """The weighted mean of each tensor, computed in float32 and returned in half precision.

    The statistics of batch norms are averaged as weights are. Integers are those of the last one.

    Args:
        weights: Of each checkpoint, two at least. Names that the last one has alone keep its
            values.
        last_share: Weight of the last one; the others share the rest. All count alike if it is
            None.
    """
    last = 1 / len(weights) if last_share is None else last_share
    shares = [*[(1 - last) / (len(weights) - 1)] * (len(weights) - 1), last]
    mean = {}
    for name, tensor in weights[-1].items():
        if not tensor.is_floating_point() or any(name not in tensors for tensors in weights):
            mean[name] = tensor
            continue
        every = torch.stack([tensors[name].float() for tensors in weights])
        mean[name] = torch.tensordot(torch.tensor(shares), every, 1)
    return in_half_precision(mean)


def _is_part_of(one: Loaded, last: Loaded) -> bool:
    """Whether the last network is the same, or has layers beside the same tensors.

    A setting that leaves those layers out, as `head_width` does, is 0 or absent in the first.
    """
    (header, tensors), (last_header, last_tensors) = one, last
    own, others = ({**each.config, **each.config["network"]} for each in (header, last_header))
    settings = (own.keys() | others.keys()) - {"network"}
    differing = {name for name in settings if own.get(name) != others.get(name)}
    has_more = last_tensors.keys() > tensors.keys()
    return (
        header.architecture == last_header.architecture
        and not any(own.get(name) or not has_more for name in differing)
        and all(
            name in last_tensors and last_tensors[name].shape == tensor.shape
            for name, tensor in tensors.items()
        )
    )


def _header(headers: Sequence[CheckpointHeader], command: str) -> CheckpointHeader:
    """The training parts of all checkpoints, each once, then the averaging; no metrics."""
    parts = [part for header in headers for part in header.lineage]
    mean = TrainingPart(
        recipe={"command": command, "average_of": [header.sha256 for header in headers]},
        commit=current_commit(),
        data=f"the mean of the weights of {len(headers)} checkpoints",
        steps=0,
    )
    distinct = [part for number, part in enumerate(parts) if part not in parts[:number]]
    return dataclasses.replace(headers[-1], lineage=(*distinct, mean), metrics={})
