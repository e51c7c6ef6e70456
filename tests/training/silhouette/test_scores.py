import numpy as np
import pytest

from training.silhouette.scores import (
    PhotoScores,
    RenderedScores,
    area_under_curve,
    histogram,
    overlap,
)


def test_the_area_is_the_share_of_pairs_in_order(rng: np.random.Generator) -> None:
    positives, negatives = rng.integers(0, 30, 40) / 30, rng.integers(0, 25, 50) / 30
    pairs = [(p > n) + 0.5 * (p == n) for p in positives for n in negatives]
    found = area_under_curve(histogram(positives), histogram(negatives))
    assert found == pytest.approx(np.mean(pairs))
    assert np.isnan(area_under_curve(histogram(positives), histogram(np.empty(0))))


def test_overlap_is_intersection_over_union() -> None:
    one, other = np.array([1, 1, 0, 0], bool), np.array([0, 1, 1, 0], bool)
    assert overlap(one, other) == pytest.approx(1 / 3)
    assert overlap(one, one) == 1
    assert overlap(~one & one, ~one & one) == 1


def test_rendered_scores_are_those_of_a_loop(rng: np.random.Generator) -> None:
    scores = RenderedScores()
    pictures = []
    for _ in range(3):
        naked = np.zeros((12, 10), bool)
        naked[3:9, 4:6] = True
        dressed = naked.copy()
        dressed[4:11, 2:8] = True
        cloth = dressed & ~naked
        target = np.where(naked, 1, np.where(cloth, np.round(rng.random((12, 10)), 3), 0))
        predicted = rng.random((12, 10))
        scores.add(predicted, target, dressed, naked)
        pictures.append((predicted, target, dressed, naked, cloth))
    summary = scores.summary()
    errors = np.concatenate([abs(p - t).ravel() for p, t, *_ in pictures])
    in_cloth = np.concatenate([abs(p - t)[c] for p, t, _, _, c in pictures])
    assert summary["network"]["mean_error"] == pytest.approx(errors.mean())
    assert summary["network"]["cloth_error"] == pytest.approx(in_cloth.mean())
    assert summary["network"]["overlap"] == pytest.approx(
        np.mean([overlap(p > 0.5, t > 0.5) for p, t, *_ in pictures])
    )
    full = np.concatenate([(1 - t)[c] for _, t, _, _, c in pictures])
    assert summary["dressed silhouette"]["cloth_error"] == pytest.approx(full.mean())
    values = np.concatenate([t[c] for _, t, _, _, c in pictures])
    constant = summary["body and a constant in cloth"]
    best = min(abs(values - k).mean() for k in np.linspace(0, 1, 1001))
    assert constant["cloth_error"] == pytest.approx(best)
    assert constant["mean_error"] == pytest.approx(best * len(values) / errors.size)


def test_photo_scores_are_medians_over_photos() -> None:
    scores = PhotoScores()
    skin = np.array([[True, False, False, False]])
    background = np.array([[False, False, True, True]])
    for value in (0.2, 0.8, 0.9):
        scores.add(np.array([[value, 0.5, 0.1, value / 2]]), skin, background)
    summary = scores.summary()
    assert summary["photos"] == 3
    assert summary["median_skin"] == pytest.approx(0.8)
    assert summary["median_background"] == pytest.approx((0.1 + 0.4) / 2)
    assert 0.5 < summary["auroc"] < 1
