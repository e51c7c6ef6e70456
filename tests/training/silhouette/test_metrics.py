import numpy as np
import pytest

from model.silhouette.confidence import person_confidence
from training.silhouette.metrics import (
    CONSTANT,
    DRESSED,
    NETWORK,
    boundary_band,
    cloth_ratio,
    iou,
    score_mask,
    score_rendered,
    summarise_rendered,
)


def disc(side: int, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    inside: np.ndarray = np.hypot(rows, columns) <= radius
    return inside


def test_overlap_is_intersection_over_union() -> None:
    one, other = np.array([1, 1, 0, 0], bool), np.array([0, 1, 1, 0], bool)
    assert iou(one, other) == pytest.approx(1 / 3)
    assert iou(one, one) == 1
    assert iou(~one & one, ~one & one) == 1


def test_the_band_is_within_a_64th_of_the_bodys_length_of_a_discs_edge() -> None:
    side, radius = 384, 128
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    off = np.abs(np.hypot(rows, columns) - radius)
    band = boundary_band(disc(side, radius))
    # Distances run between pixel centres, hence the pixel of tolerance.
    assert band[off < 3].all()
    assert not band[off > 5].any()
    assert not boundary_band(np.zeros((8, 8), bool)).any()
    assert not boundary_band(np.ones((8, 8), bool)).any()


def test_looseness_is_the_ring_over_the_disc() -> None:
    naked, dressed = disc(200, 50), disc(200, 70)
    score = score_rendered(naked.astype(np.float32), dressed, naked, None)
    assert score.looseness == pytest.approx((70**2 - 50**2) / 50**2, rel=0.02)
    assert score_rendered(np.zeros((8, 8)), disc(8, 2), disc(8, -1), None).looseness is None


def test_sums_are_those_of_a_loop_over_all_pixels(rng: np.random.Generator) -> None:
    scores, pictures = [], []
    for radius in (12, 15, 20):
        naked, dressed = disc(64, 10), disc(64, radius)
        target = person_confidence(naked, dressed)
        predicted = rng.random((64, 64))
        scores.append(score_rendered(predicted, dressed, naked, 10.0))
        pictures.append((predicted, target, dressed, dressed & ~naked, boundary_band(naked)))
    summary = summarise_rendered(scores)

    def mean(*parts: np.ndarray) -> float:
        return float(np.concatenate([part.ravel() for part in parts]).mean())

    errors = [abs(p - t) for p, t, *_ in pictures]
    cloths, bands = [c for *_, c, _ in pictures], [b for *_, b in pictures]
    network = summary[NETWORK]
    assert network["mae"] == pytest.approx(mean(*errors))
    for name, parts in (("mae_cloth", cloths), ("mae_band", bands)):
        found = [e[part] for e, part in zip(errors, parts, strict=True)]
        assert network[name] == pytest.approx(mean(*found))
    assert network["iou_target"] == pytest.approx(
        np.mean([iou(p > 0.5, t > 0.5) for p, t, *_ in pictures])
    )
    naked = disc(64, 10)
    assert network["iou_body"] == pytest.approx(
        np.mean([iou(p > 0.5, naked) for p, *_ in pictures])
    )
    assert summary[DRESSED]["iou_body"] == pytest.approx(
        np.mean([naked.sum() / disc(64, radius).sum() for radius in (12, 15, 20)])
    )
    dressed_error = mean(*[(1 - t)[c] for _, t, _, c, _ in pictures])
    assert summary[DRESSED]["mae_cloth"] == pytest.approx(dressed_error)
    values = np.concatenate([t[c] for _, t, _, c, _ in pictures])
    in_band = np.concatenate([t[c & b] for _, t, _, c, b in pictures])
    best = min(np.linspace(0, 1, 1001), key=lambda k: np.abs(values - k).mean())
    constant, least = summary[CONSTANT], np.abs(values - best).mean()
    # Targets are counted to the nearest thousandth.
    assert constant["mae_cloth"] == pytest.approx(least, abs=5e-4)
    num_pixels, num_band = 3 * 64 * 64, sum(int(b.sum()) for b in bands)
    assert constant["mae"] == pytest.approx(least * len(values) / num_pixels, abs=5e-4)
    band_error = np.abs(in_band - constant["constant"]).sum() / num_band
    assert constant["mae_band"] == pytest.approx(band_error, abs=5e-4)
    better = min(dressed_error, float(least))
    assert cloth_ratio(summary) == pytest.approx(network["mae_cloth"] / better, rel=2e-3)


def test_a_perfect_map_has_no_error_and_is_all_of_the_target() -> None:
    naked, dressed = disc(64, 10), disc(64, 20)
    target = person_confidence(naked, dressed)
    network = summarise_rendered([score_rendered(target, dressed, naked, None)])[NETWORK]
    assert network == {
        "mae": 0,
        "mae_cloth": 0,
        "mae_band": 0,
        "iou_body": iou(target > 0.5, naked),
        "iou_target": 1,
    }


def test_a_map_is_scored_by_what_it_finds_of_the_person_and_beside_it() -> None:
    mask = np.zeros((10, 10), bool)
    mask[:, :4] = True
    predicted = np.zeros((10, 10))
    predicted[:, :2] = 1.0
    predicted[:, 4:6] = 0.6
    score = score_mask(predicted, mask)
    assert score.recall == 0.5
    assert score.mass_on_person == pytest.approx(20 / 32)
    assert score.iou == pytest.approx(20 / 60)
    assert score.person_share == 0.4
    assert score_mask(np.zeros((10, 10)), mask)[:3] == (0.0, 0.0, 0.0)
