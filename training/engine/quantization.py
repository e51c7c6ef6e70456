"""`python -m training quantize`: a checkpoint's network in int8, for a CPU.

The network's convolutions compute in int8 with scales that are calibrated on photos. The quality of
both formats is measured on the validation split and kept in the file.

Source: Kozlov et al., Neural Network Compression Framework for fast model inference, 2021.

S side of the network's input.
"""

import argparse
import dataclasses
import importlib.util
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from model.backend.conversion import converted
from model.backend.openvino_library import load_openvino
from model.backend.quantized import ARCHITECTURE, QuantizedNetwork, quantized_path, save_quantized
from model.checkpoint import CheckpointHeader, TrainingPart
from model.errors import InvalidInputError
from model.picture_predictor import PicturePredictor
from model.staging import preprocess
from training.arguments import at_least, output_file
from training.datasets.ccp_kaggle import LabelledPhotos, open_ccp
from training.engine.run import current_commit
from training.reporting.evaluation import Evaluation, Report
from training.reporting.int8_quality import quality_table

DATA = "Clothing Co-Parsing (Apache-2.0), photos of the training split"


@dataclass(frozen=True)
class Quantization:
    """Makes the int8 network of one capability and measures what it loses."""

    evaluation: Evaluation
    predictor: type[PicturePredictor[Any, Any, Any]]
    quality: Callable[[Report], Mapping[str, float | None]]
    """Numbers of a report by their names. Of the first, the larger the better, int8 may lose
    little."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Of the options that name what is measured on."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the options: those of `evaluate` that name what is measured on, and what follows."""
        add = parser.add_argument
        checkpoint = Path(f"checkpoints/{self.evaluation.slug}.safetensors")
        add("--checkpoint", type=Path, default=checkpoint, help="(%(default)s)")
        self.evaluation.configure_data(parser)
        parser.set_defaults(split="validation", record=False, **self.defaults)
        add("--photos", type=at_least(1), default=150, help="to calibrate with (%(default)s)")
        add(
            "--limit",
            type=at_least(1),
            default=200,
            metavar="N",
            help="measure on so many pictures of each kind at most (%(default)s)",
        )
        add("--out", type=output_file, help="(beside the checkpoint: name.int8.safetensors)")

    def run(self, args: argparse.Namespace) -> int:
        """Quantize, measure, write.

        Raises:
            InvalidInputError: No photos are named, or the package that quantizes is not installed.
            FileNotFoundError: A file or folder is not there.
        """
        if args.ccp is None:
            raise InvalidInputError("no photos to calibrate with: name their folder by --ccp")
        self.evaluation.check(args)
        network, side, header = self.predictor.load_network(args.checkpoint)
        photos = calibration_photos(open_ccp(args.ccp), args.photos)
        model = quantized_model(self.predictor, network, side, photos)
        part = TrainingPart(
            {"command": shlex.join(["python", "-m", "training", *sys.argv[1:]])},
            current_commit(),
            f"{DATA}: {len(photos)} to calibrate int8",
            0,
        )
        config = {"of": header.sha256, "input_size": side}
        lineage = (*header.lineage, part)
        quantized = CheckpointHeader(ARCHITECTURE, config, lineage, {}, header.licence)
        exact = self.predictor(network, side, header=header, dtype=torch.float32)
        narrow = self.predictor(
            network, side, header=header, quantized=QuantizedNetwork(model, quantized)
        )
        metrics = self._metrics(args, exact, narrow)
        out = args.out or quantized_path(args.checkpoint)
        save_quantized(out, model, dataclasses.replace(quantized, metrics=metrics))
        sys.stdout.write(f"{quality_table(metrics).text()}wrote {out}\n")
        return 0

    def _metrics(self, args: argparse.Namespace, exact: Any, narrow: Any) -> dict[str, Any]:
        """`float32` and `int8`, the numbers of each, and `loss`, of the first number."""
        sets = self.evaluation.sample_sets(args, exact)
        found = [
            dict(
                self.quality(
                    self.evaluation.report(
                        self.evaluation.measure(predictor, sets, limit=args.limit, batch_size=1)
                    )
                    | {"split": args.split}
                )
            )
            for predictor in (exact, narrow)
        ]
        first, second = (next(iter(numbers.items())) for numbers in found)
        if first[1] is None or second[1] is None:
            raise InvalidInputError(f"{first[0]} cannot be measured on these pictures")
        return {"loss": first[1] - second[1], "float32": found[0], "int8": found[1]}


def calibration_photos(dataset: LabelledPhotos, count: int) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """Photos of the training split, evenly spread over their numbers."""
    numbers = dataset.numbers_of("training")
    chosen = np.unique(np.linspace(0, len(numbers) - 1, count).round().astype(int))
    return [dataset.read(numbers[place]).image for place in chosen]


def quantized_model(
    predictor: type[PicturePredictor[Any, Any, Any]],
    network: Any,
    input_size: int,
    photos: Sequence[UInt8[np.ndarray, "_ _ 3"]],
) -> Any:
    """The `openvino.Model` of a network in int8.

    Args:
        predictor: Of the network's capability.
        network: In PyTorch, on the CPU.
        input_size: S.
        photos: To calibrate with.

    Raises:
        InvalidInputError: The package that quantizes is not installed.
        OpenVinoRefusedError: OpenVINO is missing, or cannot convert the network.
    """
    if importlib.util.find_spec("nncf") is None:
        raise InvalidInputError("quantization needs one more package: pip install 'habitus[int8]'")
    model = converted(predictor.served(network, torch.float32), input_size, None).model
    pictures = [preprocess(photo, input_size)[0].numpy() for photo in photos]
    # NNCF makes and destroys OpenVINO cores, which may take a thread's signal stack with them (see
    # `openvino_core`): a thread that ends has no use for it.
    with ThreadPoolExecutor(1) as once:
        return once.submit(_quantized, model, pictures).result()


def _quantized(model: Any, pictures: Sequence[Float[np.ndarray, "1 3 S S"]]) -> Any:
    load_openvino()  # without its telemetry
    import nncf

    return nncf.quantize(model, nncf.Dataset(pictures), subset_size=len(pictures))
