"""A training step on the CPU, freed memory kept or returned."""

import math
import time

import torch

from benchmarks.timing import fastest_apart, report
from model.silhouette.lite import LiteConfig, LiteSilhouette
from training.engine.precision import autocast_dtype
from training.engine.process_settings import keep_freed_memory
from training.silhouette.losses import overlap_loss

BATCH_SIZE, SIDE = 16, 256
WARM_UP, STEPS = 2, 4


def run() -> None:
    """A step while freed memory is kept, beside the allocator's own habit."""
    times = fastest_apart(_fastest_step, {"kept": True, "returned to the system": False})
    if math.isinf(times["kept"]):
        print("training step: this system's allocator cannot be told to keep memory")
        return
    title = (
        f"training step, lite silhouette network, {BATCH_SIZE} pictures of {SIDE} px; freed memory"
    )
    report(title, times, ours="kept")


def _fastest_step(keep: bool) -> float:
    """Seconds; infinite where the system's allocator cannot be told to keep memory."""
    if keep and not keep_freed_memory():
        return math.inf
    device = torch.device("cpu")
    dtype = autocast_dtype("auto", device)
    network = LiteSilhouette(LiteConfig()).to(memory_format=torch.channels_last).train()
    images = torch.rand(BATCH_SIZE, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    truth = torch.rand(BATCH_SIZE, 1, SIDE, SIDE)
    times = []
    for _ in range(WARM_UP + STEPS):
        started = time.perf_counter()
        with torch.autocast("cpu", dtype, enabled=dtype is not None):
            loss = overlap_loss(network(images)[-1], truth, torch.ones_like(truth))
        loss.backward()  # type: ignore[no-untyped-call]
        network.zero_grad()
        times.append(time.perf_counter() - started)
    return min(times[WARM_UP:])
