"""The exponential moving average of a network's weights, which is validated and exported."""

import copy

import torch
from torch import nn


class WeightAverage:
    """A copy of a network that follows it slowly.

    The running statistics of batch norms are averaged as weights are; counters are copied. In the
    first steps the decay is smaller, so that initial weights do not dominate short runs.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def follow(self, network: nn.Module, step: int) -> None:
        """Move the average towards `network`.

        Args:
            network: After the optimiser's step.
            step: From 0.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        own = self.network.state_dict()
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                own[name].lerp_(value, 1 - decay)
            else:
                own[name].copy_(value)
