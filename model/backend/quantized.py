"""Networks in int8: made by `training quantize`, kept in a file beside their checkpoint.

The file is a checkpoint whose tensors are the bytes of an OpenVINO model.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.backend.openvino_library import OpenVinoRefusedError, load_openvino, openvino_core
from model.checkpoint import CheckpointHeader, load_checkpoint, save_checkpoint
from model.errors import CheckpointError

ARCHITECTURE = "openvino-int8"
MAX_LOSS = 0.003
"""A network in int8 that loses more of its capability's measure (the IoU of silhouettes, the pixel
accuracy of clothing) is not chosen by itself."""


@dataclass(frozen=True)
class QuantizedNetwork:
    """An OpenVINO model whose convolutions compute in int8."""

    model: Any
    """`openvino.Model`, with the input and output of `model.backend.conversion.converted`."""
    header: CheckpointHeader

    @property
    def is_faithful(self) -> bool:
        """Whether it loses little enough to be chosen by itself."""
        # Written so that NaN fails too.
        return bool(self.header.metrics["loss"] <= MAX_LOSS)


def quantized_path(checkpoint: Path) -> Path:
    """Where the int8 network of a checkpoint is: `name.int8.safetensors`."""
    return checkpoint.with_suffix(".int8.safetensors")


def save_quantized(path: Path, model: Any, header: CheckpointHeader) -> None:
    """Write what `load_quantized` reads.

    Args:
        path: Where to.
        model: `openvino.Model`.
        header: Its config names the checkpoint that the model was made from (`of`: the sha256 of
            its tensors); its metrics hold `loss`.

    Raises:
        StorageError: The disk is full or read-only.
    """
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "model.xml"
        load_openvino().save_model(model, xml, compress_to_fp16=False)
        tensors = {
            name: torch.from_numpy(np.fromfile(file, np.uint8))
            for name, file in (("xml", xml), ("weights", xml.with_suffix(".bin")))
        }
    save_checkpoint(path, tensors, header)


def load_quantized(checkpoint: Path, sha256: str) -> QuantizedNetwork:
    """The int8 network of a checkpoint.

    Args:
        checkpoint: The checkpoint's own file.
        sha256: Of its tensors.

    Raises:
        FileNotFoundError: It has none.
        CheckpointError: The file is damaged or belongs to another checkpoint.
        OpenVinoRefusedError: OpenVINO is missing, or cannot read the model.
    """
    path = quantized_path(checkpoint)
    header, tensors = load_checkpoint(path, ARCHITECTURE)
    if header.config.get("of") != sha256 or "loss" not in header.metrics:
        raise CheckpointError(
            f"{path.name} was not made from {checkpoint.name}: run `python -m training quantize`"
        )
    xml, weights = (tensors[name].numpy().tobytes() for name in ("xml", "weights"))
    try:
        return QuantizedNetwork(openvino_core().read_model(xml, weights), header)
    except RuntimeError as error:
        raise OpenVinoRefusedError(f"OpenVINO cannot read {path.name}: {error}") from error
