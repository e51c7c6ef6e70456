"""A training step on the CPU, freed memory kept or returned."""

import multiprocessing
import time

import torch

from model.silhouette.lite import LiteConfig, LiteSilhouette
from training.engine.memory import keep_freed_memory
from training.engine.precision import autocast_dtype
from training.silhouette.losses import refinement_loss

BATCH_SIZE, SIDE = 16, 256
WARM_UP, STEPS, TURNS = 2, 4, 2


def run() -> None:
    """A step while freed memory is kept, beside the allocator's own habit."""
    names = {"kept": True, "returned to the system": False}
    times = dict.fromkeys(names, float("inf"))
    # A process each: the habit is a process's, and cannot be taken back.
    spawn = multiprocessing.get_context("spawn")
    for _ in range(TURNS):
        for name, keep in names.items():
            with spawn.Pool(1) as process:
                seconds = process.apply(_fastest_step, (keep,))
            if seconds is None:
                print("training step: this system's allocator cannot be told to keep memory")
                return
            times[name] = min(times[name], seconds)
    print(f"training step, lite silhouette network, {BATCH_SIZE} pictures of {SIDE} px")
    for name, seconds in times.items():
        ratio = seconds / times["kept"]
        print(f"  freed memory {name:<24}{seconds:9.2f} s   {ratio:.2f} times as long")


def _fastest_step(keep: bool) -> float | None:
    """Seconds; None where the system's allocator cannot be told to keep memory."""
    if keep and not keep_freed_memory():
        return None
    device = torch.device("cpu")
    dtype = autocast_dtype("auto", device)
    network = LiteSilhouette(LiteConfig()).to(memory_format=torch.channels_last).train()
    images = torch.rand(BATCH_SIZE, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    truth = torch.rand(BATCH_SIZE, 1, SIDE, SIDE)
    times = []
    for _ in range(WARM_UP + STEPS):
        started = time.perf_counter()
        with torch.autocast("cpu", dtype, enabled=dtype is not None):
            loss = refinement_loss(network(images)[-1], truth, torch.ones_like(truth))
        loss.backward()  # type: ignore[no-untyped-call]
        network.zero_grad()
        times.append(time.perf_counter() - started)
    return min(times[WARM_UP:])
