"""`python -m training export`: a checkpoint's network for other runtimes.

B batch, C channels, S side of the network's input, h w a map's size.
"""

import argparse
import importlib.util
import json
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from model.atomic import replacing
from model.errors import InvalidInputError
from model.picture_predictor import PicturePredictor
from training.arguments import output_file

INPUT, OUTPUT = "images", "maps"


@dataclass(frozen=True)
class Export:
    """Writes the network of one capability as an ONNX model.

    The model takes `images` (B, 3, S, S) and gives `maps` (B, C, h, w), both float32: what the
    network of the capability's predictor takes and gives. B is free.
    """

    slug: str
    predictor: type[PicturePredictor[Any, Any, Any]]

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        checkpoint = Path("checkpoints") / f"{self.slug}.safetensors"
        parser.add_argument("--checkpoint", type=Path, default=checkpoint, help="(%(default)s)")
        parser.add_argument("--format", choices=("onnx",), default="onnx", help="(%(default)s)")
        parser.add_argument(
            "--out", type=output_file, default=Path(f"{self.slug}.onnx"), help="(%(default)s)"
        )

    def run(self, args: argparse.Namespace) -> int:
        """Write the model."""
        self.write(args.checkpoint, args.out)
        sys.stdout.write(f"wrote {args.out}\n")
        return 0

    def write(self, checkpoint: Path, out: Path) -> None:
        """Export a checkpoint.

        The model's metadata says which checkpoint it was made from: `architecture`, `licence` and
        `sha256` as in the checkpoint's header, and `input_size`.

        Raises:
            FileNotFoundError: There is no such checkpoint.
            CheckpointError: It is damaged or holds something else.
            InvalidInputError: The packages that write ONNX are not installed.
            StorageError: The disk is full or read-only.
        """
        if not all(map(importlib.util.find_spec, ("onnx", "onnxscript"))):
            raise InvalidInputError("ONNX needs more packages: pip install 'habitus[export]'")
        network, side, header = self.predictor.load_network(checkpoint)
        served = self.predictor.served(network, torch.float32).eval()
        with warnings.catch_warnings():
            # What PyTorch's exporter says of its own parts.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                served,
                # Of a batch of one the exporter concludes that there is only that.
                (torch.zeros(2, 3, side, side),),
                dynamo=True,
                verbose=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: "batch"},),
            )
        assert program is not None
        program.model.metadata_props.update(
            architecture=header.architecture,
            config=json.dumps(header.config, sort_keys=True),
            input_size=str(side),
            licence=header.licence,
            sha256=header.sha256,
        )
        with replacing(out) as temporary:
            program.save(temporary, external_data=False)
