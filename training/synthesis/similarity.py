"""SSIM and MS-SSIM of pictures in [0, 1].

B batch, C channels, H W a picture's size.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, DEVIATION = 11, 1.5
"""Side and standard deviation of the Gaussian window, in pixels."""
STABILISERS = 0.01**2, 0.03**2
"""C1 and C2 for values between 0 and 1."""
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales of MS-SSIM, the finest first."""


def ssim(found: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity of each picture, the mean over pixels and channels; (B,).

    Source: Wang, Bovik, Sheikh, Simoncelli, Image Quality Assessment, IEEE TIP 2004: a Gaussian
    window of 11 pixels and deviation 1.5. Windows that leave the picture are not used.

    Args:
        found: (B, C, H, W) in [0, 1], sides at least 11.
        truth: Of the same shape.
    """
    similarity, _ = _similarities(found, truth)
    return similarity


def ms_ssim(found: Tensor, truth: Tensor) -> Tensor:
    """Multi-scale structural similarity of each picture; (B,).

    Source: Wang, Simoncelli, Bovik, Multiscale Structural Similarity, Asilomar 2003. Of its five
    scales those are used that the window fits into, with their exponents divided by their sum:
    three at 64 pixels, four at 128, five from 176 on.

    Args:
        found: (B, C, H, W) in [0, 1], sides at least 11.
        truth: Of the same shape.
    """
    return ssim_and_ms_ssim(found, truth)[1]


def ssim_and_ms_ssim(found: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Both, each (B,): they share the finest scale.

    Args:
        found: (B, C, H, W) in [0, 1], sides at least 11.
        truth: Of the same shape.
    """
    num_scales = num_scales_of(min(found.shape[-2:]))
    weights = [weight / sum(SCALE_WEIGHTS[:num_scales]) for weight in SCALE_WEIGHTS[:num_scales]]
    product, finest = found.new_ones(len(found)), None
    for scale, weight in enumerate(weights):
        similarity, contrast = _similarities(found, truth)
        finest = similarity if finest is None else finest
        factor = similarity if scale == num_scales - 1 else contrast
        product = product * factor.clamp_min(0) ** weight
        found, truth = F.avg_pool2d(found, 2), F.avg_pool2d(truth, 2)
    assert finest is not None
    return finest, product


def num_scales_of(side: int) -> int:
    """How many scales of MS-SSIM a picture's shorter side has room for."""
    return sum(side // 2**scale >= WINDOW for scale in range(len(SCALE_WEIGHTS)))


def _similarities(found: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM of each picture, and its product of contrast and structure alone."""
    if min(found.shape[-2:]) < WINDOW:
        raise ValueError(f"pictures are {tuple(found.shape[-2:])}; sides must be at least {WINDOW}")
    c1, c2 = STABILISERS
    # float32 under autocast too: the difference of means of squares cancels in 8 bits.
    with torch.autocast(found.device.type, enabled=False):
        found, truth = found.float(), truth.float()
        together = torch.cat([found, truth, found * found, truth * truth, found * truth], 1)
        mean_x, mean_y, xx, yy, xy = _blurred(together).chunk(5, 1)
        spread = xx + yy - mean_x.square() - mean_y.square()
        covariance = xy - mean_x * mean_y
        contrast = (2 * covariance + c2) / (spread + c2)
        luminance = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    return (luminance * contrast).mean((1, 2, 3)), contrast.mean((1, 2, 3))


def _blurred(pictures: Tensor) -> Tensor:
    """Each channel under the window, without the border that the window does not cover."""
    places = torch.arange(WINDOW, device=pictures.device) - WINDOW // 2
    window = torch.exp(places.square() / (-2 * DEVIATION**2))
    window = (window / window.sum()).to(pictures.dtype)
    channels = pictures.shape[1]
    across = window.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    along = window.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    return F.conv2d(F.conv2d(pictures, across, groups=channels), along, groups=channels)
