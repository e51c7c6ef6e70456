import numpy as np
import pytest

from model.body.measurements import MEASUREMENTS
from model.reconstruction.intervals import (
    COVERAGE,
    FEATURES,
    NUM_KNOWN,
    Circumstances,
    IntervalParameters,
    conformal_widening,
)

NUM = len(MEASUREMENTS)


def parameters(widening: float = 0.0, edges: tuple[float, ...] = (0.3,)) -> IntervalParameters:
    coefficients = np.zeros((NUM_KNOWN, NUM, len(FEATURES)))
    coefficients[..., 1] = 1.0
    return IntervalParameters(
        np.array(edges),
        coefficients,
        2 * coefficients,
        np.full((NUM_KNOWN, len(edges) + 1, NUM), widening),
    )


def circumstances(looseness: float = 0.1, **known: bool) -> Circumstances:
    return Circumstances(np.full(NUM, 0.02), looseness, 0.0, **known)


def test_the_bounds_are_as_far_away_as_the_functions_say() -> None:
    low, high = parameters().bounds(np.ones(NUM), circumstances())
    np.testing.assert_allclose(low, 0.98)
    np.testing.assert_allclose(high, 1.04)


def test_widening_moves_both_bounds_by_a_share_of_their_distance() -> None:
    low, high = parameters(0.5).bounds(np.ones(NUM), circumstances())
    np.testing.assert_allclose(low, 0.95)
    np.testing.assert_allclose(high, 1.07)


def test_each_group_of_looseness_and_each_known_size_has_its_own_calibration() -> None:
    plain = parameters()
    widening = plain.widening.copy()
    widening[1, 1] = 1.0
    own = IntervalParameters(plain.edges, plain.low, plain.high, widening)
    widths = {
        (looseness, known): np.subtract(
            *own.bounds(np.ones(NUM), circumstances(looseness, height_known=known))[::-1]
        )[0]
        for looseness in (0.1, 0.4)
        for known in (False, True)
    }
    assert widths[0.4, True] == pytest.approx(3 * widths[0.1, True])
    assert widths[0.4, False] == pytest.approx(widths[0.1, False])


def test_an_interval_holds_its_value_and_nothing_below_zero() -> None:
    values = np.ones(NUM)
    for widening in (-5.0, 100.0):
        low, high = parameters(widening).bounds(values, circumstances())
        assert (low > 0).all()
        assert (low <= values).all()
        assert (high >= values).all()


@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_calibrated_intervals_cover_what_they_promise_on_people_like_those(spread: float) -> None:
    """Bounds that are wrong by a factor are put right by the calibration."""
    rng = np.random.default_rng(0)
    sizes = {"calibration": 2000, "test": 4000}
    people = {}
    for name, size in sizes.items():
        estimates = rng.uniform(0.8, 1.2, (size, 2))
        groups = rng.integers(0, 2, size)
        truth = estimates + spread * (1 + groups[:, None]) * 0.02 * rng.standard_t(4, (size, 2))
        people[name] = truth, estimates - 0.02, estimates + 0.02, groups
    widening = conformal_widening(*people["calibration"], num_groups=2)
    truth, low, high, groups = people["test"]
    move = widening[groups] * (high - low)
    covered = (low - move <= truth) & (truth <= high + move)
    for group in range(2):
        np.testing.assert_allclose(covered[groups == group].mean(0), COVERAGE, atol=0.03)


def test_too_few_people_to_calibrate_with_are_refused() -> None:
    eight = np.ones((8, 1))
    with pytest.raises(ValueError, match="group 0 has 8 people; at least 9"):
        conformal_widening(eight, eight - 0.1, eight + 0.1, np.zeros(8, int), 1)


def test_parameters_that_do_not_fit_each_other_are_refused() -> None:
    plain = parameters()
    with pytest.raises(ValueError, match="widening has the shape"):
        IntervalParameters(np.array([0.1, 0.2]), plain.low, plain.high, plain.widening)
    with pytest.raises(ValueError, match="do not ascend"):
        parameters(edges=(0.5, 0.2))
