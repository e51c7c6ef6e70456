"""Batch norm whose batch is that of all processes.

Each process alone would normalise by its own share, and several would train another network than
one does.

B batch, C channels, H W size.
"""

import torch
from torch import Tensor, nn

from training.engine.distributed import total


class SynchronisedBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` over the shares of all processes; the same parameters, the same names.

    Source: Ioffe, Szegedy, Batch Normalization, ICML 2015, algorithm 1. Written out because torch's
    own synchronised one runs on CUDA alone.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, H, W) by everybody's statistics; alone in evaluation mode."""
        if not self.training:
            return super().forward(input)
        values = input.to(torch.promote_types(input.dtype, torch.float32))
        variance, mean = torch.var_mean(values, (0, 2, 3), correction=0)
        # In double precision nothing is lost by summing squares.
        mean, variance = mean.double(), variance.double()
        moments = torch.stack([torch.ones_like(mean), mean, variance + mean**2])
        count, first, second = total(moments * (values.numel() / values.shape[1])).unbind()
        mean = first / count
        variance = (second / count - mean**2).clamp_min(0)
        self._follow(mean.detach(), (variance * count / (count - 1)).detach())
        centred = values - _by_channel(mean, values)
        scale = _by_channel(torch.rsqrt(variance + self.eps) * self.weight, values)
        return (centred * scale + _by_channel(self.bias, values)).to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, the variance being the unbiased one."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        for running, found in ((self.running_mean, mean), (self.running_var, variance)):
            running.lerp_(found.to(running.dtype), self.momentum)


def synchronise_batch_norms(network: nn.Module, device: torch.device) -> nn.Module:
    """The network with its batch norms exchanged; parameters and buffers are the same objects.

    Raises:
        ValueError: It has a batch norm of a kind that this does not know.
    """
    if device.type == "cuda":
        synchronised: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return synchronised
    if type(network) is nn.BatchNorm2d:
        return _synchronised(network)
    if isinstance(network, nn.modules.batchnorm._BatchNorm):
        raise ValueError(f"a {type(network).__name__} cannot be shared by several processes")
    for name, child in network.named_children():
        setattr(network, name, synchronise_batch_norms(child, device))
    return network


def _synchronised(norm: nn.BatchNorm2d) -> SynchronisedBatchNorm2d:
    if not norm.affine or not norm.track_running_stats or norm.momentum is None:
        raise ValueError("a batch norm needs weights, running statistics and a momentum")
    replaced = SynchronisedBatchNorm2d(norm.num_features, norm.eps, norm.momentum)
    replaced.weight, replaced.bias = norm.weight, norm.bias
    replaced.running_mean, replaced.running_var = norm.running_mean, norm.running_var
    replaced.num_batches_tracked = norm.num_batches_tracked
    return replaced.train(norm.training)


def _by_channel(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like.dtype).view(1, -1, 1, 1)
