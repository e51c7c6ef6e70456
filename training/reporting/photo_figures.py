"""What `python -m training figures` does alike for every capability that reads a photo."""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image

from training.arguments import device, output_folder
from training.datasets.photo import read_photo
from training.engine.atomic import replacing
from training.engine.precision import pick_device

Drawing = Figure | Image.Image | np.ndarray


@dataclass(frozen=True)
class PhotoFigures:
    """What differs between capabilities."""

    slug: str
    load: Callable[[Path, torch.device], Any]
    """A predictor from a checkpoint."""
    configure_drawing: Callable[[argparse.ArgumentParser], None]
    """Options that only this capability has."""
    draw: Callable[[argparse.Namespace, np.ndarray, Any], Mapping[str, Drawing]]
    """Of a photo, (H, W, 3) uint8 RGB, and its prediction: files by name; arrays become NPY."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Options that all capabilities have."""
        add, checkpoint = parser.add_argument, Path(f"checkpoints/{self.slug}.safetensors")
        add("--image", type=Path, required=True, help="a photo of a dressed person")
        add("--checkpoint", type=Path, default=checkpoint, help="(%(default)s)")
        add("--out", type=output_folder, required=True, metavar="DIR", help="where files go")
        add("--device", type=device, default="auto", help="auto, cpu, cuda ... (%(default)s)")
        self.configure_drawing(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Predict and write the files."""
        image = read_photo(args.image)
        predictor = self.load(args.checkpoint, pick_device(args.device))
        (result,) = predictor.predict_batch([image])
        for name, drawing in self.draw(args, image, result).items():
            with replacing(args.out / name) as temporary:
                if isinstance(drawing, Figure):
                    drawing.savefig(temporary, dpi=150, bbox_inches="tight")
                elif isinstance(drawing, Image.Image):
                    drawing.save(temporary)
                else:
                    np.save(temporary, drawing, allow_pickle=False)
            sys.stdout.write(f"wrote {args.out / name}\n")
        return 0
