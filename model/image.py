"""Pictures to network input and back: letterbox, and its exact inverse.

B batch, C channels, h w the picture's size, H W the network's input size.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from model.errors import InvalidInputError

MINIMUM_SIDE = 16
FILL = 0.5
"""Grey of the letterbox's border."""


@dataclass(frozen=True)
class Letterbox:
    """Where a picture lies inside a network's input: scaled to fit, centred, grey around it."""

    source: tuple[int, int]
    """(height, width) of the picture."""
    target: tuple[int, int]
    """(height, width) of the network's input."""
    content: tuple[int, int]
    """(height, width) of the scaled picture inside the target."""
    offset: tuple[int, int]
    """(top, left) of the scaled picture inside the target."""

    @classmethod
    def fit(cls, source: tuple[int, int], target: tuple[int, int]) -> "Letterbox":
        """The largest centred placement of `source` in `target` that keeps its proportions.

        Whole pixels: an extreme picture (16 x 4000) is squeezed to one pixel rather than to none.
        """
        scale = min(target[0] / source[0], target[1] / source[1])
        content = (
            min(target[0], max(1, round(source[0] * scale))),
            min(target[1], max(1, round(source[1] * scale))),
        )
        offset = ((target[0] - content[0]) // 2, (target[1] - content[1]) // 2)
        return cls(source, target, content, offset)

    def apply(
        self, images: Float[Tensor, "B C h w"], fill: float = FILL
    ) -> Float[Tensor, "B C H W"]:
        """Scale with antialiasing and pad with `fill`."""
        scaled = _resize(images, self.content)
        top, left = self.offset
        bottom = self.target[0] - self.content[0] - top
        right = self.target[1] - self.content[1] - left
        return F.pad(scaled, (left, right, top, bottom), value=fill)

    def back(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """From pixels of the target to pixels of the picture: times the first, plus the second.

        Both are (x, y).
        """
        scale = self.source[1] / self.content[1], self.source[0] / self.content[0]
        return scale, (-self.offset[1] * scale[0], -self.offset[0] * scale[1])

    def invert(self, maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C h w"]:
        """Cut the border off and scale back to the picture's own size.

        `maps` may have any resolution: it is brought to the target's first, so that the cut runs
        along whole pixels.
        """
        maps = _resize(maps, self.target)
        top, left = self.offset
        inside = maps[..., top : top + self.content[0], left : left + self.content[1]]
        return _resize(inside, self.source)


def _resize(
    images: Float[Tensor, "B C h w"], size: tuple[int, int]
) -> Float[Tensor, "B C {size[0]} {size[1]}"]:
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)


def image_to_tensor(image: UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, "1 3 h w"]:
    """RGB bytes to a float picture in [0, 1].

    Raises:
        InvalidInputError: A side is under 16 pixels.
    """
    return bytes_to_floats(image_bytes(image))


def check_size(height: int, width: int) -> None:
    """Refuse a picture that predictors would refuse, as soon as its size is known.

    Raises:
        InvalidInputError: A side is under 16 pixels.
    """
    if min(height, width) < MINIMUM_SIDE:
        raise InvalidInputError(
            f"image is {width}x{height}; each side must be at least {MINIMUM_SIDE} pixels"
        )


def image_bytes(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[Tensor, "h w 3"]:
    """The picture as a tensor, checked; not copied where that can be avoided.

    Raises:
        InvalidInputError: A side is under 16 pixels.
    """
    check_size(*image.shape[:2])
    # Decoders give arrays that may not be written to, which tensors cannot express.
    return torch.from_numpy(np.require(image, requirements=("C", "W")))


def bytes_to_floats(pixels: UInt8[Tensor, "h w 3"]) -> Float[Tensor, "1 3 h w"]:
    """RGB bytes to a float picture in [0, 1], on whichever device they are.

    In memory the channels stay last, where they are.
    """
    return pixels.permute(2, 0, 1).unsqueeze(0).to(torch.float32).div_(255)
