"""The progress bar of a run."""

import sys
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

TERMINAL_SECONDS, FILE_SECONDS = 0.5, 60.0
"""Shortest time between two updates. In a file, each update is a line."""


def progress_bar(num_steps: int, step: int, shown: bool) -> "tqdm[Any]":
    """A bar with the steps done, steps a second, and the remaining time.

    Args:
        num_steps: Of the whole run.
        step: Number of steps done before.
        shown: Whether to draw it.
    """
    seconds = TERMINAL_SECONDS if sys.stderr.isatty() else FILE_SECONDS
    return tqdm(
        total=num_steps,
        initial=step,
        desc="training",
        unit="step",
        mininterval=seconds,
        maxinterval=max(10.0, seconds),
        disable=not shown,
    )


def show(bar: "tqdm[Any]", values: Mapping[str, float]) -> None:
    """Show loss and samples a second beside the bar from its next update on."""
    shown = {"loss": "loss", "samples_per_second": "samples/s"}
    texts = {label: f"{values[name]:.4g}" for name, label in shown.items() if name in values}
    bar.set_postfix(texts, refresh=False)
