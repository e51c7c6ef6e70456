"""OpenVINO models whose weights stay in their file until they are read."""

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.backend.openvino_library import load_openvino, openvino_core


@dataclass(frozen=True)
class MappedModel:
    """A model and the memory map that holds its weights."""

    model: Any
    """`openvino.Model`."""
    weights: mmap.mmap | None = None
    """None where they are in memory. Must live as long as what is compiled from the model."""

    def unload_weights(self) -> None:
        """Remove from memory the pages of the weights' file that have been read.

        What is compiled keeps the model with its weights, and a rearranged copy of most of them
        that it computes with. A page that is needed after all is read again.
        """
        if self.weights is not None and hasattr(mmap, "MADV_DONTNEED"):
            self.weights.madvise(mmap.MADV_DONTNEED)


def read_mapped(path: Path) -> MappedModel:
    """The model of an XML file and the file `.bin` beside it.

    Raises:
        OSError: A file is missing or cannot be read.
        ValueError: The file of the weights is empty.
        RuntimeError: OpenVINO cannot read the model.
    """
    with path.with_suffix(".bin").open("rb") as file:
        # Nothing writes to it. OpenVINO wants memory that may be written to.
        weights = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    tensor = load_openvino().Tensor(np.frombuffer(weights, np.uint8), shared_memory=True)
    return MappedModel(openvino_core().read_model(path.read_text(), tensor), weights)
