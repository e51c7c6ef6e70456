"""How well labels are found: everything comes from counts of pixels by true and predicted label.

C labels, H W a picture's size. Label 0 is "null", whatever nobody wears.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from model.clothing.labels import FINE, GROUP_OF, GROUPED
from model.clothing.predictor import ClothingSegmentation
from training.reporting.partial_results import Integers
from training.reporting.standard_error import bootstrap_standard_errors

NETWORK, ALL_NULL = "network", "all null"
FREQUENT = 50
"""A label in so many photos to learn from, or more, can be expected to be learned."""


@dataclass(frozen=True, eq=False)
class Confusion:
    """Pixels by true label (row) and predicted label (column)."""

    counts: Integers
    """(C, C)."""

    @classmethod
    def empty(cls, num_labels: int) -> "Confusion":
        """Of no pixel."""
        return cls(np.zeros((num_labels, num_labels), np.int64))

    @classmethod
    def of(cls, truth: np.ndarray, predicted: np.ndarray, num_labels: int) -> "Confusion":
        """Compare two maps of ids.

        Args:
            truth: (H, W) ids under `num_labels`.
            predicted: Likewise.
            num_labels: C, at most 256: a pair of ids then fits into 16 bits.
        """
        pairs = truth.astype(np.uint16).ravel() * num_labels + predicted.astype(np.uint16).ravel()
        counts = np.bincount(pairs, minlength=num_labels**2)
        return cls(counts.reshape(num_labels, num_labels))

    def __add__(self, other: "Confusion") -> "Confusion":
        """Of both together."""
        return Confusion(self.counts + other.counts)

    def all_null(self) -> "Confusion":
        """The trivial baseline on the same pictures: nobody wears anything."""
        counts = np.zeros_like(self.counts)
        counts[:, 0] = self.counts.sum(1)
        return Confusion(counts)

    @property
    def true_pixels(self) -> np.ndarray:
        """(C,) pixels that have each label in truth."""
        pixels: np.ndarray = self.counts.sum(1)
        return pixels

    @property
    def predicted_pixels(self) -> np.ndarray:
        """(C,) pixels that are given each label."""
        pixels: np.ndarray = self.counts.sum(0)
        return pixels

    def pixel_accuracy(self) -> float:
        """Share of all pixels that are given their label."""
        return _ratio(int(self.counts.trace()), int(self.counts.sum()))

    def foreground_accuracy(self) -> float:
        """Share of the pixels that are not null in truth that are given their label."""
        return _ratio(int(self.counts[1:, 1:].trace()), int(self.counts[1:].sum()))

    def iou(self) -> np.ndarray:
        """(C,) intersection over union of each label's pixels; NaN where no truth has the label.

        Pixels of all pictures are counted together, not picture by picture. What is given a label
        that no truth has lowers other labels' numbers, but has none of its own.
        """
        union = self.true_pixels + self.predicted_pixels - self.counts.diagonal()
        overlaps: np.ndarray = self.counts.diagonal() / np.maximum(union, 1)
        return np.where(self.true_pixels > 0, overlaps, np.nan)

    def mean_iou(self, chosen: np.ndarray | None = None) -> float:
        """Mean of `iou` over the labels that are in the truth, null among them.

        Args:
            chosen: (C,) bool; of these labels only.
        """
        overlaps = self.iou()
        overlaps = overlaps[np.isfinite(overlaps) & (True if chosen is None else chosen)]
        return float(overlaps.mean()) if overlaps.size else float("nan")

    def frequency_weighted_iou(self) -> float:
        """Mean of `iou`, each label counting as many times as it has pixels in truth."""
        return float(np.nansum(self.iou() * self.true_pixels) / max(1, self.counts.sum()))

    def labels_found(self) -> "LabelsFound":
        """Which labels but null there are, against those that are given to some pixel."""
        true, predicted = self.true_pixels[1:] > 0, self.predicted_pixels[1:] > 0
        both, num_true, num_predicted = (int(n.sum()) for n in (true & predicted, true, predicted))
        if not num_true and not num_predicted:
            return LabelsFound(1.0, 1.0, 1.0)
        return LabelsFound(
            both / max(1, num_predicted),
            both / max(1, num_true),
            2 * both / (num_true + num_predicted),
        )


class PhotoScore(NamedTuple):
    """Of one photo."""

    fine: Confusion
    grouped: Confusion
    pixel_accuracy: float
    """Of the fine labels, as the next one."""
    foreground_accuracy: float
    grouped_mean_iou: float
    """Over the groups in the photo."""
    grouped_label_f1: float
    """See `LabelsFound`."""


def score_photo(labels: np.ndarray, found: ClothingSegmentation) -> PhotoScore:
    """Compare a prediction with the labels, (H, W) fine ids."""
    fine = Confusion.of(labels, found.fine, len(FINE))
    grouped = Confusion.of(GROUP_OF[labels], found.grouped, len(GROUPED))
    return PhotoScore(
        fine,
        grouped,
        fine.pixel_accuracy(),
        fine.foreground_accuracy(),
        grouped.mean_iou(),
        grouped.labels_found().f1,
    )


def score_of(fine: Confusion, grouped: Confusion) -> float:
    """What a network is chosen by: the mean of both accuracies and of the groups' mean IoU.

    Args:
        fine: Of the fine labels, whose pixel accuracy and foreground accuracy count.
        grouped: Of the groups.
    """
    parts = (fine.pixel_accuracy(), fine.foreground_accuracy(), grouped.mean_iou())
    return float(np.mean(parts))


class LabelsFound(NamedTuple):
    """Of one picture's labels; each 1 for a picture where there is nothing and nothing is found."""

    precision: float
    """Share of the found labels that are there; 0 where none is found."""
    recall: float
    """Share of the labels there that are found; 0 where none is there."""
    f1: float
    """Their harmonic mean."""


_LABEL_NAMES = tuple(f"label_{name}" for name in LabelsFound._fields)


def summarise(photos: Sequence[Confusion], training_photos: np.ndarray) -> dict[str, Any]:
    """Numbers over all photos.

    Args:
        photos: Of each; at least one.
        training_photos: (C,) photos to learn from that have each label.

    Returns:
        `pixel_accuracy`, `foreground_accuracy`, `frequency_weighted_iou`; `mean_iou` over the
        labels in these photos' truth, `mean_iou_worn` without null, `frequent_mean_iou` over those
        of them that are `FREQUENT` or more training photos; how many labels each is a mean of; and
        `label_precision`, `label_recall`, `label_f1`, means over the photos.
    """
    whole = total(photos)
    present, frequent = whole.true_pixels > 0, training_photos >= FREQUENT
    found = np.mean([photo.labels_found() for photo in photos], 0).tolist()
    return {
        **_of_pixels(whole, training_photos),
        **dict(zip(_LABEL_NAMES, found, strict=True)),
        "num_labels": int(present.sum()),
        "num_frequent": int((present & frequent).sum()),
    }


def standard_errors(photos: Sequence[Confusion], training_photos: np.ndarray) -> dict[str, float]:
    """Of the numbers of `summarise`, by drawing photos anew, a mean IoU over the labels drawn."""
    counts = np.array([photo.counts for photo in photos])
    found = np.array([photo.labels_found() for photo in photos])

    def all_of(times: np.ndarray) -> list[float]:
        whole = Confusion(np.tensordot(times, counts, 1))
        return [*_of_pixels(whole, training_photos).values(), *(times @ found / times.sum())]

    names = [*_of_pixels(total(photos), training_photos), *_LABEL_NAMES]
    return dict(zip(names, bootstrap_standard_errors(all_of, range(len(photos))), strict=True))


def _of_pixels(whole: Confusion, training_photos: np.ndarray) -> dict[str, float]:
    worn = np.arange(len(whole.counts)) > 0
    return {
        "pixel_accuracy": whole.pixel_accuracy(),
        "foreground_accuracy": whole.foreground_accuracy(),
        "mean_iou": whole.mean_iou(),
        "mean_iou_worn": whole.mean_iou(worn),
        "frequent_mean_iou": whole.mean_iou(training_photos >= FREQUENT),
        "frequency_weighted_iou": whole.frequency_weighted_iou(),
    }


def label_rows(
    photos: Sequence[Confusion], names: Sequence[str], training_photos: np.ndarray
) -> list[dict[str, Any]]:
    """A row for each label, in the order of their ids.

    Args:
        photos: Of each; at least one.
        names: Of the labels.
        training_photos: (C,) photos to learn from that have each label.

    Returns:
        `iou`, pixel `recall` and `precision` (None where there is nothing to divide by), the share
        of all pixels, and photos: to learn from, measured with it, and measured with it in which
        some pixel is given it.
    """
    whole = total(photos)
    overlaps, pixels = whole.iou(), whole.counts.sum()
    there = np.array([photo.true_pixels > 0 for photo in photos])
    found = np.array([photo.predicted_pixels > 0 for photo in photos]) & there
    return [
        {
            "id": number,
            "label": name,
            "iou": float(overlaps[number]) if np.isfinite(overlaps[number]) else None,
            "recall": _share(whole.counts[number, number], whole.true_pixels[number]),
            "precision": _share(whole.counts[number, number], whole.predicted_pixels[number]),
            "area": float(whole.true_pixels[number] / pixels),
            "training_photos": int(training_photos[number]),
            "photos": int(there[:, number].sum()),
            "photos_found": int(found[:, number].sum()),
        }
        for number, name in enumerate(names)
    ]


def total(photos: Sequence[Confusion]) -> Confusion:
    """Of all photos together."""
    return Confusion(np.sum([photo.counts for photo in photos], 0))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
