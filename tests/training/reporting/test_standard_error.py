import math

import numpy as np
import pytest

from training.reporting.standard_error import bootstrap_standard_errors, clustered_standard_error


def test_clusters_of_one_size_count_by_their_means(rng: np.random.Generator) -> None:
    values = rng.normal(size=(7, 1)) + rng.normal(size=(7, 4))
    people = np.repeat(np.arange(7), 4).tolist()
    expected = values.mean(1).std(ddof=1) / math.sqrt(7)
    assert clustered_standard_error(values.ravel().tolist(), people) == pytest.approx(expected)


def test_the_order_of_the_values_does_not_matter(rng: np.random.Generator) -> None:
    values, people = rng.normal(size=30), rng.integers(0, 6, 30)
    order = rng.permutation(30)
    assert clustered_standard_error(values[order].tolist(), people[order].tolist()) == (
        pytest.approx(clustered_standard_error(values.tolist(), people.tolist()))
    )


def test_it_is_how_far_means_of_other_people_lie_apart(rng: np.random.Generator) -> None:
    # Some people have one picture, some nine.
    sizes = np.tile([1, 9, 3, 5], 30)
    people = np.repeat(np.arange(sizes.size), sizes)

    def draw() -> np.ndarray:
        return rng.normal(size=sizes.size)[people] + 0.5 * rng.normal(size=people.size)

    spread = np.std([draw().mean() for _ in range(2000)])
    errors = [clustered_standard_error(draw().tolist(), people.tolist()) for _ in range(50)]
    assert np.mean(errors) == pytest.approx(spread, rel=0.1)


def test_drawing_people_anew_gives_a_means_standard_error_and_others_too(
    rng: np.random.Generator,
) -> None:
    values = rng.normal(size=(40, 1)) + 0.5 * rng.normal(size=(40, 3))
    people = np.repeat(np.arange(40), 3).tolist()
    flat = values.ravel()
    mean, doubled, constant = bootstrap_standard_errors(
        lambda times: [times @ flat / times.sum(), 2 * (times @ flat) / times.sum(), 1.0], people
    )
    assert mean == pytest.approx(clustered_standard_error(flat.tolist(), people), rel=0.1)
    assert doubled == pytest.approx(2 * mean)
    assert constant == 0
    (alone,) = bootstrap_standard_errors(lambda times: [float(times @ flat)], ["a"] * 120)
    assert math.isnan(alone)


def test_one_person_alone_says_nothing_of_others() -> None:
    assert math.isnan(clustered_standard_error([0.1, 0.2], ["a", "a"]))
    assert math.isnan(clustered_standard_error([], []))


def test_every_value_has_a_cluster() -> None:
    with pytest.raises(ValueError, match="2 values, 1 names"):
        clustered_standard_error([0.1, 0.2], ["a"])
