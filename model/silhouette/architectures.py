"""The networks that a silhouette checkpoint may hold, by the name in its header."""

from collections.abc import Mapping
from typing import Any

from model.silhouette.lite import LiteConfig, LiteSilhouette
from model.silhouette.network import HourglassConfig, StackedHourglass

SilhouetteNetwork = StackedHourglass | LiteSilhouette
"""Pictures in, a list of maps out, the last one the best."""
HOURGLASS = "stacked-hourglass"
LITE = "efficientnet-lite-silhouette"
ARCHITECTURES = (HOURGLASS, LITE)


def architecture_of(network: SilhouetteNetwork) -> str:
    """What the header calls it."""
    return HOURGLASS if isinstance(network, StackedHourglass) else LITE


def build(architecture: str, config: Mapping[str, Any]) -> SilhouetteNetwork:
    """A network with drawn weights, from what the header says.

    Args:
        architecture: One of `ARCHITECTURES`.
        config: The fields of `HourglassConfig` or `LiteConfig`, tuples as lists.

    Raises:
        KeyError, TypeError, ValueError: They are not.
    """
    if architecture == HOURGLASS:
        return StackedHourglass(HourglassConfig(**config))
    first, second, third, fourth = config["decoder_widths"]
    # Headers from before there was a head for people do not name its width.
    width = config.get("head_width", 0)
    return LiteSilhouette(LiteConfig(config["variant"], (first, second, third, fourth), width))
