import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from training.datasets.evaluation_pictures import azimuth_deg
from training.silhouette.metrics import (
    DRESSED,
    NETWORK,
    BinnedTotals,
    RenderedScore,
    looseness_name,
    score_rendered,
    view_name,
)


def score(extra: int, azimuth: float | None = None, error: float = 0.0) -> RenderedScore:
    """A body of 100 pixels in cloth of so many more, far from everything else."""
    naked, dressed = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    naked[10:20, 10:20] = dressed[10:20, 10:20] = True
    dressed[20].flat[:extra] = True
    predicted = dressed.astype(np.float32)
    predicted[0, 0] = error
    return score_rendered(predicted, dressed, naked, azimuth)


@pytest.mark.parametrize("angle", [0, 25, -50, 90, -135, 180])
def test_the_azimuth_is_the_turn_about_the_vertical_whatever_the_tilt(angle: float) -> None:
    for pitch in (-15, 0, 20):
        turned = Rotation.from_euler("XYZ", [pitch, angle, 3], degrees=True)
        # A tilt moves the projected direction a little, most between front and side.
        assert azimuth_deg(turned.as_rotvec()) == pytest.approx(abs(angle), abs=2)


def test_pictures_are_sorted_by_looseness_and_view() -> None:
    assert [looseness_name(score(n)) for n in (0, 14, 15, 24, 25, 40)] == [
        "tight", "tight", "close", "close", "loose", "loose",
    ]  # fmt: skip
    empty = np.zeros((40, 40), bool)
    assert looseness_name(score_rendered(np.zeros((40, 40)), empty, empty, None)) is None
    assert [view_name(score(5, a)) for a in (0.0, 30.0, 59.0, 90.0, 121.0, 180.0, None)] == [
        "front", "front", "three-quarter", "side", "back", "back", None,
    ]  # fmt: skip


def test_every_bin_has_its_own_pictures_and_baselines() -> None:
    binned = BinnedTotals()
    for extra, azimuth, error in ((10, 10.0, 0.0), (10, 100.0, 1.0), (30, None, 0.0)):
        binned.add(score(extra, azimuth, error))
    tight, loose = binned.by_looseness()
    assert (tight["name"], tight["pictures"]) == ("tight", 2)
    assert (loose["name"], loose["pictures"]) == ("loose", 1)
    gap = {
        row["name"]: row["scores"][NETWORK]["mae"] - row["scores"][DRESSED]["mae"]
        for row in binned.by_view()
    }
    # One wrong pixel of 1600 in the picture that shows the side; both are alike elsewhere.
    assert gap == {"front": pytest.approx(0), "side": pytest.approx(1 / 1600)}
    # The network's map is the dressed silhouette, and a constant can only be better than that.
    assert all(row["cloth_ratio"] >= 1 for row in (tight, loose))
