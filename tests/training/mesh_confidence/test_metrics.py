import numpy as np
import pytest

from training.mesh_confidence.data import MeshErrors
from training.mesh_confidence.metrics import (
    Judgements,
    all_metrics,
    auroc,
    baselines,
    falls_under_occluder,
    joint_metrics,
    mesh_metrics,
    worst_metrics,
)


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 6, 60).astype(float)  # with ties
    truth = generator.random(60) < 0.4
    pairs = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high in scores[truth]
        for low in scores[~truth]
    ]
    assert auroc(scores, truth) == pytest.approx(np.mean(pairs))
    assert np.isnan(auroc(scores, np.ones(60, bool)))


def test_accuracy_and_f1_of_a_hand_made_case() -> None:
    errors = np.full((5, 14), 0.05)
    errors[2:, 3] = 0.2  # two good meshes, three bad ones
    found = mesh_metrics(np.array([0.9, 0.4, 0.8, 0.1, 0.2]), errors)
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["f1"] == pytest.approx(2 * 1 / (2 + 2))
    assert found["auroc"] == pytest.approx(5 / 6)


def test_probabilities_that_are_right_have_no_calibration_error() -> None:
    errors = np.full((100, 14), 0.05)
    errors[30:, 0] = 0.5
    assert mesh_metrics(np.full(100, 0.3), errors)["ece"] == pytest.approx(0, abs=1e-9)
    assert mesh_metrics(np.full(100, 0.9), errors)["ece"] == pytest.approx(0.6)


def test_the_worst_joint_is_counted_by_rank_and_ties_count_against() -> None:
    errors = np.zeros((3, 14))
    errors[:, 5] = 1
    worst = np.zeros((3, 14))
    worst[0, 5] = 1  # first
    worst[1, [1, 2]], worst[1, 5] = 3, 2  # third
    # The last row gives all joints alike: that is no answer.
    assert worst_metrics(worst, errors) == {
        "top1": pytest.approx(1 / 3),
        "top3": pytest.approx(2 / 3),
    }


def test_trust_in_joints_is_measured_over_all_and_in_the_mean_joint() -> None:
    generator = np.random.default_rng(1)
    errors = generator.lognormal(-2.3, 1, (200, 14))
    found = joint_metrics(-errors, errors)
    assert found["joint_auroc"] == 1
    assert found["mean_joint_auroc"] == 1


def test_the_majority_says_nothing_and_distances_say_what_they_can(rows: MeshErrors) -> None:
    found = baselines(rows)
    assert found.keys() == {"majority", "distance"}
    good = (rows.errors.max(1) <= 0.1).mean()
    majority = all_metrics(found["majority"], rows)
    assert majority["auroc"] == 0.5
    assert majority["accuracy"] == pytest.approx(max(good, 1 - good))
    commonest = np.bincount(rows.errors.argmax(1)).max() / len(rows)
    assert majority["top1"] == pytest.approx(commonest)
    distances = rows.features[..., 0]
    of_distance = all_metrics(found["distance"], rows)
    said, truth = distances.max(1) <= 0.1, rows.errors.max(1) <= 0.1
    assert of_distance["accuracy"] == pytest.approx((said == truth).mean())
    assert of_distance["top1"] == pytest.approx(
        (distances.argmax(1) == rows.errors.argmax(1)).mean()
    )
    assert of_distance["auroc"] == pytest.approx(auroc(-distances.max(1), truth))


def test_a_joint_that_was_not_found_is_the_most_doubtful(rows: MeshErrors) -> None:
    rows.features[0, 8, 0] = np.nan
    worst = baselines(rows)["distance"].worst
    assert worst is not None
    assert worst[0].argmax() == 8


def test_the_fall_of_trust_is_that_of_the_joint_under_the_occluder() -> None:
    before, after = np.full((4, 14), 0.8), np.full((4, 14), 0.9)
    after[0, 3] = after[1, 4] = 0.1
    joints = np.array([3, 5, 6, -1])
    found = falls_under_occluder(
        Judgements(None, None, before), Judgements(None, None, after), joints
    )
    assert found == {"pictures": 3, "share": pytest.approx(1 / 3)}
    nothing = falls_under_occluder(
        Judgements(None, None, before), Judgements(None, None, after), np.full(4, -1)
    )
    assert nothing["pictures"] == 0
