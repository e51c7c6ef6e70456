"""The progress bar of a run."""

import sys
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

TERMINAL_SECONDS, FILE_SECONDS = 0.5, 60.0
"""Least time between two states of the bar. In a file each one stays."""


def progress_bar(num_steps: int, step: int, shown: bool) -> "tqdm[Any]":
    """Steps done, steps a second, and the time that is left.

    Args:
        num_steps: Of the whole run.
        step: Steps done before.
        shown: Whether to draw it; of several processes one does.
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
    """Put loss and samples a second behind the bar when it is drawn next."""
    shown = {"loss": "loss", "samples_per_second": "samples/s"}
    texts = {label: f"{values[name]:.4g}" for name, label in shown.items() if name in values}
    bar.set_postfix(texts, refresh=False)
