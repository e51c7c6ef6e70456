"""How far a mean over pictures would move with other people in them."""

from collections.abc import Hashable, Sequence

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
