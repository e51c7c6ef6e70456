import numpy as np
import pytest

from training.silhouette.photo_metrics import person_report, score_person


def test_a_map_is_scored_by_what_it_finds_of_the_person_and_beside_it() -> None:
    mask = np.zeros((10, 10), bool)
    mask[:, :4] = True
    predicted = np.zeros((10, 10))
    predicted[:, :2] = 1.0
    predicted[:, 4:6] = 0.6
    score = score_person(predicted, mask)
    assert score.recall == 0.5
    assert score.mass_on_person == pytest.approx(20 / 32)
    assert score.iou == pytest.approx(20 / 60)
    assert score.person_share == 0.4


def test_an_empty_map_finds_nothing_and_a_full_one_is_the_baseline() -> None:
    mask = np.zeros((10, 10), bool)
    mask[2:5, 2:8] = True
    assert score_person(np.zeros((10, 10)), mask)[:3] == (0.0, 0.0, 0.0)
    full = score_person(np.ones((10, 10)), mask)
    assert full[:3] == pytest.approx((1.0, 0.18, 0.18))
    report = person_report([full, full])
    for name in ("recall", "mass_on_person", "iou", "iou_below_half"):
        assert report["network"][name] == pytest.approx(report["whole picture"][name])


def test_means_have_standard_errors_over_photos() -> None:
    mask = np.ones((4, 4), bool)
    maps = [np.full((4, 4), value) for value in (0.0, 1.0, 1.0, 1.0)]
    report = person_report([score_person(one, mask) for one in maps])
    assert report["network"]["iou"] == 0.75
    assert report["network"]["iou_below_half"] == 0.25
    values = np.array([0.0, 1.0, 1.0, 1.0])
    assert report["standard_errors"]["iou"] == pytest.approx(values.std(ddof=1) / 2)
