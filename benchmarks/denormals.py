"""Muon's steps after some channels have died, denormal numbers kept or taken for zero."""

import time

import torch
from torch import nn

from benchmarks.timing import fastest_apart, report
from model.silhouette.lite import LiteConfig, LiteSilhouette
from training.engine.optimisation import Optimisation, make_optimisers
from training.engine.process_settings import flush_denormals

DEAD = 0.02
"""Share of output channels without a gradient; 0.1 to 4 % a layer when the served one learned."""
LEFT = 1e-36
"""Share of a channel's momentum that remains: 0.95 to the 1,616th power."""
STEPS = 6


def run() -> None:
    """A step of Muon while denormal numbers are zero, beside the processor's own habit."""
    # Threads take the setting over when they start.
    times = fastest_apart(_fastest_step, {"taken for zero": True, "kept": False})
    title = (
        f"step of Muon, lite silhouette network, {DEAD:.0%} of its channels long dead; denormals"
    )
    report(title, times, ours="taken for zero")


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
