"""Frames to the bytes of one file: a picture, an animation, a video, an array.

N frames, H W a frame's size.
"""

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from app.codecs.encoding import npy
from app.codecs.png import encode_png
from model.video import encode_mp4

WEBP_QUALITY, WEBP_EFFORT = 85, 2
"""Of 100, and of 0 to 6: more effort makes files little smaller and takes longer than the frames
themselves."""


@dataclass(frozen=True)
class Animation:
    """Consecutive frames and their pace."""

    frames: UInt8[np.ndarray, "N H W 3"]
    """RGB."""
    frames_per_second: float


def first_png(animation: Animation) -> bytes:
    """The first frame."""
    return encode_png(animation.frames[0])


def webp(animation: Animation) -> bytes:
    """An animation that repeats for ever; of one frame, a picture."""
    first, *others = map(Image.fromarray, animation.frames)
    buffer = io.BytesIO()
    first.save(
        buffer,
        "WEBP",
        save_all=bool(others),
        append_images=others,
        duration=max(1, round(1000 / animation.frames_per_second)),
        loop=0,
        quality=WEBP_QUALITY,
        method=WEBP_EFFORT,
    )
    return buffer.getvalue()


def mp4(animation: Animation) -> bytes:
    """A video with H.264."""
    return encode_mp4(animation.frames, animation.frames_per_second)


def frames_npy(animation: Animation) -> bytes:
    """The array of all frames."""
    return npy(animation.frames)
