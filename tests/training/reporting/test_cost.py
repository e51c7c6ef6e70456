import pytest
import torch

from training.reporting.cost import median_ms, num_threads


def test_the_median_is_of_calls_after_one_to_warm_up() -> None:
    seconds = [5.0, 0.001, 0.004, 0.002]
    now, calls = 0.0, 0

    def call() -> None:
        nonlocal now, calls
        now += seconds[calls]
        calls += 1

    assert median_ms([call] * 3, clock=lambda: now) == pytest.approx(2)
    assert calls == 4


def test_threads_are_as_before_after_a_failure_too() -> None:
    before = torch.get_num_threads()

    def fail() -> None:
        with num_threads(before + 1):
            assert torch.get_num_threads() == before + 1
            raise ValueError("on the way")

    with pytest.raises(ValueError, match="on the way"):
        fail()
    assert torch.get_num_threads() == before
