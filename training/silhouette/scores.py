"""Numbers that say how good confidence maps are, gathered picture by picture.

H W a picture's size.
"""

import numpy as np

BINS = 1000
"""Values in [0, 1] are counted to a thousandth, so that no number of pictures fills the memory."""


class RenderedScores:
    """Errors and overlaps over rendered people: the network's, and two baselines'.

    The baselines know the true silhouettes. One calls the whole dressed silhouette 1. The other
    has the body exactly, and the best single value in all cloth.
    """

    def __init__(self) -> None:
        self._num_pictures = self._num_pixels = self._num_cloth = 0
        self._errors = {"network": 0.0, "dressed silhouette": 0.0}
        self._cloth_errors = {"network": 0.0, "dressed silhouette": 0.0}
        self._overlaps = {"network": 0.0, "dressed silhouette": 0.0, "body": 0.0}
        self._cloth_values = np.zeros(BINS + 1)

    def add(
        self, predicted: np.ndarray, target: np.ndarray, dressed: np.ndarray, naked: np.ndarray
    ) -> None:
        """One picture.

        Args:
            predicted: (H, W) in [0, 1].
            target: (H, W) in [0, 1].
            dressed: (H, W) bool.
            naked: (H, W) bool.
        """
        cloth = dressed & ~naked
        self._num_pictures += 1
        self._num_pixels += target.size
        self._num_cloth += int(cloth.sum())
        for name, guess in (("network", predicted), ("dressed silhouette", dressed)):
            error = np.abs(guess - target)
            self._errors[name] += float(error.sum())
            self._cloth_errors[name] += float(error[cloth].sum())
            self._overlaps[name] += overlap(guess > 0.5, target > 0.5)
        self._overlaps["body"] += overlap(naked, target > 0.5)
        self._cloth_values += histogram(target[cloth])

    def summary(self) -> dict[str, dict[str, float]]:
        """Mean error over pixels, over cloth pixels, and mean overlap of what is above a half."""
        cloth, pixels = max(1, self._num_cloth), max(1, self._num_pixels)
        pictures = max(1, self._num_pictures)
        rows = {
            name: {
                "mean_error": self._errors[name] / pixels,
                "cloth_error": self._cloth_errors[name] / cloth,
                "overlap": self._overlaps[name] / pictures,
            }
            for name in self._errors
        }
        constant = self._best_constant()
        levels = np.linspace(0, 1, BINS + 1)
        error = float((np.abs(levels - constant) * self._cloth_values).sum())
        same_as = "dressed silhouette" if constant > 0.5 else "body"
        rows["body and a constant in cloth"] = {
            "mean_error": error / pixels,
            "cloth_error": error / cloth,
            "overlap": self._overlaps[same_as] / pictures,
            "constant": constant,
        }
        return rows

    def _best_constant(self) -> float:
        """The median, which has the least mean absolute error."""
        counted = np.cumsum(self._cloth_values)
        return float(np.searchsorted(counted, counted[-1] / 2) / BINS)


class PhotoScores:
    """Confidence on the skin, the person and the background of labelled photos."""

    def __init__(self) -> None:
        self._skin: list[float] = []
        self._background: list[float] = []
        self._person_values = np.zeros(BINS + 1)
        self._background_values = np.zeros(BINS + 1)

    def add(self, predicted: np.ndarray, skin: np.ndarray, background: np.ndarray) -> None:
        """One photo.

        Args:
            predicted: (H, W) in [0, 1].
            skin: (H, W) bool, labelled so.
            background: (H, W) bool, labelled as nothing; the rest is the person.
        """
        if skin.any():
            self._skin.append(float(predicted[skin].mean()))
        if background.any():
            self._background.append(float(predicted[background].mean()))
        self._person_values += histogram(predicted[~background])
        self._background_values += histogram(predicted[background])

    def summary(self) -> dict[str, float]:
        """Medians over photos of the mean confidence, and how well it tells person from street."""
        return {
            "photos": len(self._background),
            "median_skin": float(np.median(self._skin)) if self._skin else float("nan"),
            "median_background": (
                float(np.median(self._background)) if self._background else float("nan")
            ),
            "auroc": area_under_curve(self._person_values, self._background_values),
        }


def histogram(values: np.ndarray) -> np.ndarray:
    """Counts of values in [0, 1], to the nearest thousandth."""
    rounded = np.rint(np.clip(values, 0, 1) * BINS).astype(np.int64)
    return np.bincount(rounded, minlength=BINS + 1)


def area_under_curve(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Probability that a positive has the higher value than a negative; ties count half.

    Source: Mann, Whitney, Annals of Mathematical Statistics 18, 1947.

    Args:
        positives: Counts by value, ascending.
        negatives: Likewise.
    """
    if not positives.sum() or not negatives.sum():
        return float("nan")
    below = np.cumsum(negatives) - negatives
    wins = float((positives * (below + 0.5 * negatives)).sum())
    return wins / (float(positives.sum()) * float(negatives.sum()))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two bool maps; 1 where both are empty."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0
