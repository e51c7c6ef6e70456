"""Muon's steps after some channels have died, denormal numbers kept or taken for zero."""

import multiprocessing
import time

import torch
from torch import nn

from model.silhouette.lite import LiteConfig, LiteSilhouette
from training.engine.denormals import flush_denormals
from training.engine.optimisation import Optimisation, make_optimisers

DEAD = 0.02
"""Share of output channels without a gradient: about that of the served network's training."""
LEFT = 1e-36
"""Share of a channel's momentum that remains: 0.95 to the 1,616th power."""
STEPS, TURNS = 6, 2


def run() -> None:
    """A step of Muon while denormal numbers are zero, beside the processor's own habit."""
    names = {"taken for zero": True, "kept": False}
    times = dict.fromkeys(names, float("inf"))
    # A process each: threads take the setting over when they start.
    spawn = multiprocessing.get_context("spawn")
    for _ in range(TURNS):
        for name, flush in names.items():
            with spawn.Pool(1) as process:
                times[name] = min(times[name], process.apply(_fastest_step, (flush,)))
    print(f"step of Muon, lite silhouette network, {DEAD:.0%} of its channels long dead")
    for name, seconds in times.items():
        ratio = seconds / times["taken for zero"]
        print(f"  denormals {name:<24}{seconds:9.2f} s   {ratio:.2f} times as long")


def _fastest_step(flush: bool) -> float:
    if flush:
        flush_denormals()
    torch.manual_seed(0)
    network = LiteSilhouette(LiteConfig())
    muon = make_optimisers(network, Optimisation(optimiser="muon"))["muon"]
    weights: list[nn.Parameter] = muon.param_groups[0]["params"]
    for weight in weights:
        weight.grad = torch.randn_like(weight) * 1e-4
        dead = torch.rand(len(weight)) < DEAD
        weight.grad[dead] = 0
        momentum = torch.randn_like(weight) * 1e-4
        momentum[dead] *= LEFT
        muon.state[weight]["momentum"] = momentum
    times = []
    for _ in range(STEPS):
        started = time.perf_counter()
        muon.step()
        times.append(time.perf_counter() - started)
    return min(times)
