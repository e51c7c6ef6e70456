"""Pictures on their way to a device, and maps on their way back.

For a CPU, pictures are brought to the network's size before the device is free. For CUDA their
bytes are: a quarter of the floats to send, and the device scales a picture in a fraction of the
time. Either way the arithmetic is the same.

B batch, C channels, S side of the network's input, h w a map's size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from model.image import Letterbox, bytes_to_floats, image_bytes, image_to_tensor


def preprocess(
    image: UInt8[np.ndarray, "h w 3"], input_size: int
) -> tuple[Float[Tensor, "1 3 {input_size} {input_size}"], Letterbox]:
    """The network's view of a picture, and the way back. Training sees pictures through this too.

    Raises:
        InvalidInputError: A side is under 16 pixels.
    """
    tensor = image_to_tensor(image)
    letterbox = _letterbox(image, input_size)
    return letterbox.apply(tensor), letterbox


@dataclass(frozen=True)
class LetterboxedPictures:
    """Pictures that the host has brought to the network's size."""

    images: Sequence[UInt8[np.ndarray, "_ _ 3"]]
    """As they came."""
    pictures: Float[Tensor, "B 3 S S"]
    letterboxes: tuple[Letterbox, ...]

    @classmethod
    def of(
        cls, images: Sequence[UInt8[np.ndarray, "_ _ 3"]], input_size: int
    ) -> "LetterboxedPictures":
        """Raises InvalidInputError where a side is under 16 pixels."""
        with torch.inference_mode():
            pictures, letterboxes = zip(
                *(preprocess(image, input_size) for image in images), strict=True
            )
            return cls(images, torch.cat(pictures), letterboxes)

    def on(self, device: torch.device) -> Float[Tensor, "B 3 S S"]:
        """Sent there."""
        return self.pictures.to(device)


@dataclass(frozen=True)
class PinnedPictures:
    """Pictures' bytes in memory that a CUDA device reads by itself."""

    images: Sequence[UInt8[np.ndarray, "_ _ 3"]]
    """As they came."""
    pixels: tuple[UInt8[Tensor, "_ _ 3"], ...]
    letterboxes: tuple[Letterbox, ...]

    @classmethod
    def of(cls, images: Sequence[UInt8[np.ndarray, "_ _ 3"]], input_size: int) -> "PinnedPictures":
        """Raises InvalidInputError where a side is under 16 pixels."""
        return cls(
            images,
            tuple(image_bytes(image).pin_memory() for image in images),
            tuple(_letterbox(image, input_size) for image in images),
        )

    def on(self, device: torch.device) -> Float[Tensor, "B 3 S S"]:
        """Sent there as bytes, and letterboxed there."""
        return torch.cat(
            [
                letterbox.apply(bytes_to_floats(pixels.to(device, non_blocking=True)))
                for pixels, letterbox in zip(self.pixels, self.letterboxes, strict=True)
            ]
        )


PreparedBatch = LetterboxedPictures | PinnedPictures
"""Pictures that are ready for a device."""


def prepare_batch(
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]], input_size: int, device: torch.device
) -> PreparedBatch:
    """Everything that can be done before the device is free.

    Args:
        images: RGB, upright; at least one.
        input_size: Side of the square that they are letterboxed to.
        device: Where they will be needed.

    Raises:
        InvalidInputError: A side is under 16 pixels.
    """
    if device.type == "cuda":
        return PinnedPictures.of(images, input_size)
    return LetterboxedPictures.of(images, input_size)


@dataclass(frozen=True)
class MapsOnTheWay:
    """A batch's maps on their way to the host, and how each lies in its picture."""

    maps: Float[Tensor, "B C h w"]
    """On the host; not to be read before `arrived`."""
    letterboxes: tuple[Letterbox, ...]
    sent: torch.cuda.Event | None
    """Recorded behind the transfer; None where there was none to wait for."""

    @classmethod
    def start(
        cls, maps: Float[Tensor, "B C h w"], letterboxes: tuple[Letterbox, ...]
    ) -> "MapsOnTheWay":
        """Send the maps to the host in one transfer, without waiting for it."""
        if maps.device.type != "cuda":
            return cls(maps.cpu(), letterboxes, None)
        pinned = torch.empty_like(maps, device="cpu", pin_memory=True)
        pinned.copy_(maps, non_blocking=True)
        # Blocking: the thread that waits sleeps, and does not spin on a core that decodes pictures.
        sent = torch.cuda.Event(blocking=True)
        sent.record(torch.cuda.current_stream(maps.device))
        return cls(pinned, letterboxes, sent)

    def arrived(self) -> Float[Tensor, "B C h w"]:
        """The maps, once they are there."""
        if self.sent is not None:
            self.sent.synchronize()
        return self.maps


def _letterbox(image: UInt8[np.ndarray, "h w 3"], input_size: int) -> Letterbox:
    return Letterbox.fit((image.shape[0], image.shape[1]), (input_size, input_size))
