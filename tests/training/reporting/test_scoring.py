import csv
import io
import json
from typing import NamedTuple

import numpy as np
import pytest
from pydantic import TypeAdapter

from training.reporting.calibration import Reliability
from training.reporting.histograms import Histogram
from training.reporting.scoring import Scored, WorstSheet, flat_row
from training.reporting.tables import csv_text, without_nan


class Inner(NamedTuple):
    left: float
    right: float


class Score(NamedTuple):
    skin: float
    sides: Inner
    values: Histogram
    reliability: Reliability
    looseness: float | None


def score(skin: float) -> Score:
    values = np.array([0.25, 0.25, skin])
    return Score(skin, Inner(1.0, 2.0), Histogram.of(values), Reliability.of(values, values), None)


def test_a_score_is_the_same_after_json() -> None:
    scores: TypeAdapter[Score] = TypeAdapter(Score)
    before = score(0.5)
    after = scores.validate_python(json.loads(json.dumps(scores.dump_python(before, mode="json"))))
    assert after[:2] == before[:2]
    assert after.looseness is None
    assert after.values.counts.tolist() == before.values.counts.tolist()
    np.testing.assert_array_equal(after.reliability.target, before.reliability.target)


def test_a_row_has_the_numbers_of_a_score_and_unknown_ones_are_empty() -> None:
    row = flat_row(score(0.5)._replace(skin=float("nan")))
    assert list(row) == ["skin", "sides_left", "sides_right", "looseness"]
    (read,) = csv.DictReader(io.StringIO(csv_text(without_nan([row]))))
    assert read == {"skin": "", "sides_left": "1", "sides_right": "2", "looseness": ""}


@pytest.mark.parametrize("times", [1, 4])
def test_the_worst_come_first_and_what_has_no_quality_not_at_all(times: int) -> None:
    values = (0.9, 0.2, float("nan"), 0.5)
    scored = [Scored(n, str(n), values[n]) for n in range(4)] * times
    sheet = WorstSheet(lambda value: value, str, lambda item, result: ())
    worst = [one.number for one in sheet.worst(scored)]
    assert worst == ([1] * times + [3] * times + [0] * times)[:10]
