"""Mean and deviation over the seeds of a comparison."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd


def summarise(
    runs: pd.DataFrame, costs: Mapping[str, Mapping[str, float]], metrics: Sequence[str]
) -> dict[str, Any]:
    """Mean and standard deviation over the seeds, by network.

    Args:
        runs: Columns `network`, `seed` and the metrics.
        costs: By network.
        metrics: Columns to summarise.

    Returns:
        By network: its cost, `seeds`, and for each metric `mean` and `std`. The deviation is the
        sample's, over n - 1, and None for a single seed.
    """
    report: dict[str, Any] = {}
    for name, group in runs.groupby("network", sort=False):
        spreads = {
            metric: {
                "mean": float(group[metric].mean()),
                "std": float(group[metric].std()) if len(group) > 1 else None,
            }
            for metric in metrics
        }
        report[str(name)] = {**costs[str(name)], "seeds": len(group), **spreads}
    return report


def spread_text(metric: Mapping[str, float | None]) -> str:
    """A mean, and its deviation where there is one."""
    if metric["std"] is None:
        return f"{metric['mean']:.3f}"
    return f"{metric['mean']:.3f} ± {metric['std']:.3f}"
