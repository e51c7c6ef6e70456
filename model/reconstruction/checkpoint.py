"""The file of a regressor: its network, where keypoints are on the body, and its calibration.

K keypoints, V vertices.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor, from_numpy

from model.checkpoint import (
    CheckpointHeader,
    in_half_precision,
    load_checkpoint,
    save_checkpoint,
)
from model.errors import CheckpointError
from model.reconstruction.intervals import IntervalParameters
from model.reconstruction.network import (
    NUM_KEYPOINTS,
    ReconstructionConfig,
    ReconstructionNetwork,
)

ARCHITECTURE = "reconstruction-regressor"
_NETWORK, _INTERVALS, _KEYPOINTS = "network.", "intervals.", "keypoint_weights"


@dataclass(frozen=True)
class Regressor:
    """All that a checkpoint holds.

    Raises:
        ValueError: A field has no meaning.
    """

    network: ReconstructionNetwork
    input_size: int
    """Side of the crops, in pixels."""
    body_sha256: str
    """Digest of the tensors of the body asset that the betas belong to."""
    keypoint_weights: Float[Tensor, "K V"]
    """COCO's keypoints as weighted sums of the asset's vertices; rows sum to one."""
    intervals: IntervalParameters
    error_correlation: float
    """Share of a beta's error that all photos of a person have in common, in [0, 1]."""
    header: CheckpointHeader | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.error_correlation <= 1:
            raise ValueError(f"error_correlation is {self.error_correlation}; 0 to 1 are allowed")
        if self.input_size < 1:
            raise ValueError(f"input_size is {self.input_size}; at least 1 is needed")
        weights = self.keypoint_weights
        if weights.ndim != 2 or len(weights) != NUM_KEYPOINTS:
            raise ValueError(f"keypoint_weights has the shape {tuple(weights.shape)}")
        if not (weights.float().sum(1) - 1).abs().max() < 1e-2:
            raise ValueError("the rows of keypoint_weights do not sum to one")


def save_regressor(path: Path, regressor: Regressor, header: CheckpointHeader) -> None:
    """Write what `load_regressor` reads; weights are kept in half precision, intervals in float32.

    Args:
        path: Where to.
        regressor: Its network may be on any device.
        header: `architecture` and `config` are filled in here.

    Raises:
        ValueError: A weight is not finite in half precision.
    """
    config = {
        "network": dataclasses.asdict(regressor.network.config),
        "input_size": regressor.input_size,
        "body_sha256": regressor.body_sha256,
        "error_correlation": regressor.error_correlation,
    }
    weights = {_NETWORK + name: t for name, t in regressor.network.state_dict().items()}
    intervals = {
        _INTERVALS + name: from_numpy(np.ascontiguousarray(values, np.float32))
        for name, values in dataclasses.asdict(regressor.intervals).items()
    }
    tensors = in_half_precision({**weights, _KEYPOINTS: regressor.keypoint_weights})
    header = dataclasses.replace(header, architecture=ARCHITECTURE, config=config)
    save_checkpoint(path, {**tensors, **intervals}, header)


def load_regressor(path: Path) -> Regressor:
    """Rebuild what `save_regressor` wrote, on the CPU, in float32.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is damaged or holds something else.
    """
    header, tensors = load_checkpoint(path, ARCHITECTURE)
    try:
        network = ReconstructionNetwork(_config(header.config["network"]))
        network.load_state_dict(_under(_NETWORK, tensors), strict=True)
        intervals = {
            name: tensor.double().numpy() for name, tensor in _under(_INTERVALS, tensors).items()
        }
        return Regressor(
            network.eval(),
            header.config["input_size"],
            header.config["body_sha256"],
            tensors[_KEYPOINTS].float(),
            IntervalParameters(**intervals),
            float(header.config["error_correlation"]),
            header,
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path.name} does not fit its network: {error}") from error


def _config(fields: Mapping[str, Any]) -> ReconstructionConfig:
    return ReconstructionConfig(**{**fields, "widths": tuple(fields["widths"])})


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
