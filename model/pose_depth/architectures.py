"""The networks that a checkpoint of pose depth may hold, by the name in its header."""

from collections.abc import Mapping
from typing import Any

from model.pose_depth.network import DepthRefinerConfig, PoseAwareDepthRefiner
from model.pose_depth.temporal import TemporalRefiner, TemporalRefinerConfig

RefinerNetwork = PoseAwareDepthRefiner | TemporalRefiner
REFERENCE = "pose-aware-depth-refiner"
TEMPORAL = "temporal-pose-refiner"
ARCHITECTURES = (TEMPORAL, REFERENCE)


def architecture_of(network: RefinerNetwork) -> str:
    """What the header calls it."""
    return REFERENCE if isinstance(network, PoseAwareDepthRefiner) else TEMPORAL


def build(architecture: str, config: Mapping[str, Any]) -> RefinerNetwork:
    """A network with drawn weights, from what the header says.

    Args:
        architecture: One of `ARCHITECTURES`.
        config: The fields of `DepthRefinerConfig` or `TemporalRefinerConfig`.

    Raises:
        TypeError, ValueError: They are not.
    """
    if architecture == REFERENCE:
        return PoseAwareDepthRefiner(DepthRefinerConfig(**config))
    return TemporalRefiner(TemporalRefinerConfig(**config))
