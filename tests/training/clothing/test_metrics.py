from pathlib import Path

import numpy as np
import pytest

from training.clothing.metrics import Confusion, LabelsFound, label_rows, summarise, total
from training.datasets.ccp import ClothingCoParsing

NUM_LABELS = 6


@pytest.fixture
def maps(rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Three photos' truth and prediction; label 5 is only predicted, label 4 is nowhere."""
    found = []
    for _ in range(3):
        truth = rng.integers(0, 4, (20, 15)).astype(np.uint8)
        predicted = np.where(rng.random((20, 15)) < 0.7, truth, 5).astype(np.uint8)
        found.append((truth, predicted))
    return found


@pytest.fixture
def photos(maps: list[tuple[np.ndarray, np.ndarray]]) -> list[Confusion]:
    return [Confusion.of(truth, predicted, NUM_LABELS) for truth, predicted in maps]


def test_accuracies_and_overlaps_are_those_of_the_maps_pixel_by_pixel(
    maps: list[tuple[np.ndarray, np.ndarray]], photos: list[Confusion]
) -> None:
    truth = np.concatenate([t.ravel() for t, _ in maps])
    predicted = np.concatenate([p.ravel() for _, p in maps])
    whole = total(photos)
    assert whole.counts.sum() == truth.size
    assert whole.pixel_accuracy() == pytest.approx((truth == predicted).mean())
    worn = truth > 0
    assert whole.foreground_accuracy() == pytest.approx((truth == predicted)[worn].mean())
    overlaps = {
        label: ((truth == label) & (predicted == label)).sum()
        / ((truth == label) | (predicted == label)).sum()
        for label in range(4)
    }
    np.testing.assert_allclose(whole.iou()[:4], list(overlaps.values()))
    assert np.isnan(whole.iou()[4:]).all()
    assert whole.mean_iou() == pytest.approx(np.mean(list(overlaps.values())))
    weighted = sum(overlap * (truth == label).mean() for label, overlap in overlaps.items())
    assert whole.frequency_weighted_iou() == pytest.approx(weighted)


def test_summaries_say_which_labels_they_are_means_of(photos: list[Confusion]) -> None:
    training_photos = np.array([90, 50, 49, 80, 70, 60])
    overlaps = total(photos).iou()
    summary = summarise(photos, training_photos)
    assert summary["num_labels"] == 4
    # 4 and 5 are frequent, but in no truth here.
    assert summary["num_frequent"] == 3
    assert summary["frequent_mean_iou"] == pytest.approx(overlaps[[0, 1, 3]].mean())
    assert summary["mean_iou_worn"] == pytest.approx(overlaps[1:4].mean())


def test_a_photos_labels_are_sets_without_null() -> None:
    truth = np.array([[0, 1, 2, 3]])
    found = Confusion.of(truth, np.array([[0, 1, 1, 5]]), NUM_LABELS).labels_found()
    there, given = {1, 2, 3}, {1, 5}
    common = len(there & given)
    assert found == LabelsFound(
        common / len(given), common / len(there), 2 * common / (len(there) + len(given))
    )
    nothing = np.zeros((1, 4), np.uint8)
    assert Confusion.of(truth, nothing, NUM_LABELS).labels_found() == (0, 0, 0)
    assert Confusion.of(nothing, truth, NUM_LABELS).labels_found() == (0, 0, 0)
    assert Confusion.of(nothing, nothing, NUM_LABELS).labels_found() == (1, 1, 1)


def test_rows_count_photos_with_a_label_and_those_in_which_it_is_found() -> None:
    truth = [np.array([[0, 1]]), np.array([[0, 1]]), np.array([[0, 2]])]
    predicted = [np.array([[1, 0]]), np.array([[0, 0]]), np.array([[0, 1]])]
    photos = [Confusion.of(t, p, 4) for t, p in zip(truth, predicted, strict=True)]
    rows = label_rows(photos, ("null", "hat", "coat", "tie"), np.array([9, 8, 7, 6]))
    assert [row["photos"] for row in rows] == [3, 2, 1, 0]
    assert [row["photos_found"] for row in rows] == [3, 1, 0, 0]
    assert [row["training_photos"] for row in rows] == [9, 8, 7, 6]
    assert [row["iou"] for row in rows] == [2 / 5, 0, 0, None]
    assert [row["recall"] for row in rows] == [2 / 3, 0, 0, None]
    assert [row["precision"] for row in rows] == [2 / 4, 0, None, None]
    assert sum(row["area"] for row in rows) == pytest.approx(1)


def test_the_baseline_finds_null_alone(photos: list[Confusion]) -> None:
    baseline = [photo.all_null() for photo in photos]
    summary = summarise(baseline, np.full(NUM_LABELS, 50))
    whole = total(photos)
    assert summary["pixel_accuracy"] == whole.true_pixels[0] / whole.counts.sum()
    assert summary["foreground_accuracy"] == 0
    assert summary["label_f1"] == 0
    assert total(baseline).iou()[1:4].tolist() == [0, 0, 0]


@pytest.mark.shared_data
def test_all_null_scores_what_was_measured_on_clothing_co_parsing(shared_data: Path) -> None:
    """0.769 over all its pixels, before anything here was written."""
    dataset = ClothingCoParsing.open(shared_data / "ccp")
    num_labels = len(dataset.label_names)
    whole = np.zeros((num_labels, num_labels), np.int64)
    for number in dataset.numbers:
        truth = dataset.read_labels(number)
        whole += Confusion.of(truth, truth, num_labels).all_null().counts
    assert Confusion(whole).pixel_accuracy() == pytest.approx(0.769, abs=0.001)
    assert Confusion(whole).foreground_accuracy() == 0
