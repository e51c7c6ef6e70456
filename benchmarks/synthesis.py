"""A person in new poses: the generator as it is served beside its plain forward pass."""

import time

import numpy as np
import torch

from benchmarks.timing import fastest, report
from model.synthesis.drawn import DrawnFrames, windows
from model.synthesis.network import Generator, SynthesisConfig
from model.synthesis.skeletons import Skeletons

SIZES, WIDTHS = (64, 128, 256), (16, 32, 64, 128)
"""Of the pictures, and of the recipes' network."""
NUM_FRAMES = 16


def run() -> None:
    """Sixteen frames at 64, 128 and 256 pixels, one thread, in processor time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for size in SIZES:
            _compare(size)
    finally:
        torch.set_num_threads(threads)


def _compare(size: int) -> None:
    generator = Generator(SynthesisConfig("conditional", size, WIDTHS)).eval()
    served = DrawnFrames(generator)
    points = np.random.default_rng(0).uniform(0.2, 0.8, (NUM_FRAMES, 13, 2)).astype(np.float32)
    seen = torch.from_numpy(windows(points, 2))

    def plain() -> object:
        with torch.inference_mode():
            return generator(seen)

    calls = {"habitus": lambda: served.render(Skeletons(points)), "plain PyTorch": plain}
    times = fastest(calls, 5, time.process_time)
    report(
        f"{NUM_FRAMES} frames of {size} px: {NUM_FRAMES / times['habitus']:.0f} a second",
        times,
        "habitus",
    )
