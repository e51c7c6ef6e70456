"""Muon for convolutions: steps along the orthogonalised momentum.

Source: Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024
(kellerjordan.github.io/posts/muon); the scale of a step: Liu et al., Muon is Scalable for LLM
Training, 2025, arXiv 2502.16982, section 2.2.

torch.optim.Muon takes matrices only, and always computes in bfloat16. On a CPU without bfloat16
instructions its step takes 10 to 25 times as long as one in float32 (AVX2, one thread, matrices of
32 x 288 to 384 x 1,536).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from model.precision import cpu_prefers_bfloat16

COEFFICIENTS = (3.4445, -4.775, 2.0315)
"""Of x, x^3 and x^5 in each iteration; from the first source."""
ITERATIONS = 5
MIN_CHANNELS = 16
"""Fewest input and output channels of a weight that Muon optimises. This leaves out the first and
the last layer, as the source advises, and depthwise convolutions."""


def mixes_channels(weight: Tensor) -> bool:
    """Whether Muon optimises a weight."""
    return weight.ndim > 1 and min(weight.shape[:2]) >= MIN_CHANNELS


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum.

    The root mean square of a step is about 0.2 times the learning rate, as with AdamW, so that both
    can have the same learning rate and weight decay.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
    ) -> None:
        """Register the parameters.

        Args:
            parameters: (O, I, ...): output channels, input channels, kernel.
            lr: Learning rate.
            weight_decay: As of AdamW.
            momentum: Decay of the moving average of gradients.

        Raises:
            ValueError: A parameter has one axis.
        """
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        if any(weight.ndim < 2 for group in self.param_groups for weight in group["params"]):
            raise ValueError("Muon needs weights with two axes or more; norms and biases have one")

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Update the parameters that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._update(weight, weight.grad, group)

    def _update(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        if not (state := self.state[weight]):
            state["momentum"] = torch.zeros_like(weight)
        momentum, share = state["momentum"], group["momentum"]
        momentum.lerp_(gradient, 1 - share)
        # (O, I, ...) to (O, all the rest), in the order of channels_last.
        kernel = gradient.lerp(momentum, share).movedim(1, -1)
        matrix = kernel.flatten(1)
        step = orthogonalised(matrix).to(weight.dtype).view(kernel.shape).movedim(-1, 1)
        scale = 0.2 * max(matrix.shape) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(step, alpha=-group["lr"] * scale)


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix with the same singular vectors, and singular values of 0.7 to 1.2.

    Singular values under 0.0015 times the norm of the matrix come out smaller.

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
    """bfloat16 where the device is fast in it; float64 is kept."""
    if matrix.dtype == torch.float64:
        return torch.float64
    fast = matrix.device.type != "cpu" or cpu_prefers_bfloat16()
    return torch.bfloat16 if fast else torch.float32
