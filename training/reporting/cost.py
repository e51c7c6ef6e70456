"""What a network costs in operations."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def giga_flops(network: nn.Module, side: int = 256) -> float:
    """Floating-point operations for one picture, in 10^9; a multiply-add counts two."""
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, side, side, device=device))
    network.train(was_training)
    return float(counter.get_total_flops()) / 1e9
