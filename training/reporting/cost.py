"""What a network costs in operations and memory."""

from collections.abc import Mapping
from typing import Any

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


def network_cost(predictor: Any) -> dict[str, Any]:
    """Size of the network of a checkpoint.

    Args:
        predictor: From the checkpoint.

    Returns:
        `parameters`, `giga_flops` for one picture at `input_size`, `input_size`.
    """
    # Operations are counted from shapes alone.
    with torch.device("meta"):
        network = predictor.rebuilt(predictor.header)
    return {
        "parameters": sum(
            parameter.numel()
            for name, parameter in network.named_parameters()
            if "aux_classifier" not in name  # torchvision's name of a head that only trains
        ),
        "giga_flops": giga_flops(network, predictor.input_size),
        "input_size": predictor.input_size,
    }


def cost_text(cost: Mapping[str, Any]) -> str:
    """In a few words."""
    return (
        f"{cost['parameters'] / 1e6:.2f} million parameters, {cost['giga_flops']:.2f} GFLOP for a "
        f"picture of {cost['input_size']} pixels"
    )
