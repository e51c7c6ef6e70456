"""How far a number over pictures would move with other people in them."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np


def clustered_standard_error(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """Standard error of the mean of values that come in clusters, such as one person's pictures.

    Pictures of one person are alike, so they say less than as many of different people: a cluster
    counts with the sum of its values' deviations from the mean of all. Clusters may differ in size.
    The cluster-robust variance of Cameron and Miller, "A Practitioner's Guide to Cluster-Robust
    Inference", Journal of Human Resources 50(2), 2015, for a regression on a constant, times
    G / (G - 1) for G clusters.

    Args:
        values: One for each picture.
        clusters: Whose picture it is, in the same order.

    Returns:
        In the values' unit; NaN for fewer than two clusters.

    Raises:
        ValueError: Their lengths differ.
    """
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values, {len(clusters)} names of clusters")
    places: dict[Hashable, int] = {}
    of_value = [places.setdefault(cluster, len(places)) for cluster in clusters]
    if len(places) < 2:
        return float("nan")
    numbers = np.asarray(values, np.float64)
    sums = np.bincount(of_value, numbers - numbers.mean())
    correction = len(places) / (len(places) - 1)
    return float(np.sqrt(correction * np.square(sums).sum()) / len(numbers))


def bootstrap_standard_errors(
    statistic: Callable[[np.ndarray], Sequence[float]],
    clusters: Sequence[Hashable],
    num_draws: int = 1000,
) -> list[float]:
    """Standard errors of any numbers over pictures, by drawing clusters anew with replacement.

    Source: Efron, Tibshirani, An Introduction to the Bootstrap, 1993, chapter 6, with whole
    clusters drawn. The draws are the same each time.

    Args:
        statistic: From how often each picture counts, (N,) int64, to the numbers.
        clusters: Whose picture it is; N of them.
        num_draws: As many as the deviation is taken over.

    Returns:
        In the numbers' units; NaN for fewer than two clusters.
    """
    _, of_value = np.unique([str(cluster) for cluster in clusters], return_inverse=True)
    num = int(of_value.max(initial=-1)) + 1
    if num < 2:
        return [float("nan")] * len(statistic(np.ones(len(clusters), np.int64)))
    drawn = np.random.default_rng(0).multinomial(num, np.full(num, 1 / num), num_draws)
    values = np.array([statistic(counts[of_value]) for counts in drawn], np.float64)
    return [_deviation(column[np.isfinite(column)]) for column in values.T]


def _deviation(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
