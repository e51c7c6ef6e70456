"""Weights that mix many channels, moved by the orthogonal part of their momentum.

Source: Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024
(kellerjordan.github.io/posts/muon); the scale of a step: Liu et al., Muon is Scalable for LLM
Training, 2025, arXiv 2502.16982, section 2.2.

torch.optim.Muon does the same for matrices alone. Here a convolution's weights are one too: a row
for each output channel, and all that it sees in it.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from model.precision import cpu_prefers_bfloat16

COEFFICIENTS = (3.4445, -4.775, 2.0315)
"""Of x and its third and fifth power, in each iteration; from the first source."""
ITERATIONS = 5
FEWEST_CHANNELS = 16
"""On either side, of a weight that is worth it. It leaves out what sees the picture's three colours
or gives a few maps, as the source advises, and convolutions of each channel by itself."""


def mixes_channels(weight: Tensor) -> bool:
    """Whether a weight is one for this optimiser."""
    return weight.ndim > 1 and min(weight.shape[:2]) >= FEWEST_CHANNELS


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised.

    The root mean square of each step is about 0.2 of the rate, as it is with AdamW, so that both
    can have the same rate and the same decay.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        """Take the weights.

        Args:
            parameters: Each with at least two axes, output channels first, then what they see.
            lr: Learning rate.
            weight_decay: Share of a weight that each step takes off it, over the rate.
            momentum: Share of its own past that the gradient's average keeps.

        Raises:
            ValueError: A parameter has one axis.
        """
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        if any(weight.ndim < 2 for group in self.param_groups for weight in group["params"]):
            raise ValueError("a weight needs two axes; norms and biases are for another optimiser")

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Change the weights that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)

    def _move(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        if not (state := self.state[weight]):
            state["momentum"] = torch.zeros_like(weight)
        momentum, share = state["momentum"], group["momentum"]
        momentum.lerp_(gradient, 1 - share)
        matrix = _as_matrix(gradient.lerp(momentum, share))
        step = orthogonalised(matrix).to(weight.dtype)
        scale = 0.2 * max(matrix.shape) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(_like_weight(step, weight), alpha=-group["lr"] * scale)


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix of the same singular vectors whose singular values are all about one (0.7 to 1.2).

    Those under 0.0015 of the matrix's norm come out smaller.

    Args:
        matrix: (M, N).
    """
    dtype = _dtype_for(matrix)
    tall = matrix.shape[0] > matrix.shape[1]
    found = (matrix.T if tall else matrix).to(dtype)
    # The largest singular value is at most this norm.
    found = found / found.norm().clamp_min(1e-7)
    first, third, fifth = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = found @ found.T
        found = torch.addmm(
            found, torch.addmm(gram, gram, gram, beta=third, alpha=fifth), found, beta=first
        )
    return found.T if tall else found


def _dtype_for(matrix: Tensor) -> torch.dtype:
    """Bfloat16 where that is quick, since it need not be exact; double precision is kept."""
    if matrix.dtype == torch.float64:
        return torch.float64
    quick = matrix.device.type != "cpu" or cpu_prefers_bfloat16()
    return torch.bfloat16 if quick else torch.float32


def _as_matrix(weight: Tensor) -> Tensor:
    """(O, I, ...) to (O, all the rest), in the order in which channels_last holds it."""
    return weight.movedim(1, -1).flatten(1)


def _like_weight(matrix: Tensor, weight: Tensor) -> Tensor:
    """Back from `_as_matrix`."""
    return matrix.view(weight.movedim(1, -1).shape).movedim(-1, 1)
