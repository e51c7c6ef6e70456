"""Numbers over all samples, and what is written of them."""

from typing import Any

import numpy as np
import pytest
from scipy.spatial import Delaunay
from scipy.spatial.transform import Rotation

from training.datasets.evaluation_pictures import azimuth_deg, body_mass_index
from training.reporting.scoring import Scored
from training.reporting.tables import without_nan
from training.silhouette.metrics import (
    DRESSED,
    NETWORK,
    RenderedScore,
    score_mask,
    score_photo,
    score_rendered,
)
from training.silhouette.photo_report import photo_report
from training.silhouette.report import mask_report, rendered_report

SIDE, RADIUS = 128, 40


def scored(scores: list[Any]) -> list[Scored]:
    """Each of a person of its own."""
    return [Scored(number, f"{number}/0", score) for number, score in enumerate(scores)]


def rendered(extra: int, azimuth: float | None = None, error: float = 0.0) -> RenderedScore:
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


def test_the_body_mass_index_is_that_of_the_volume() -> None:
    # A box of 0.3 x 1.8 x 0.25 m; two triangles for each side.
    corners = np.array([[x, y, z] for x in (0, 0.3) for y in (0, 1.8) for z in (0, 0.25)])
    box = Delaunay(corners).convex_hull
    outwards = corners[box].mean(1) - corners.mean(0)
    normals = np.cross(
        corners[box[:, 1]] - corners[box[:, 0]], corners[box[:, 2]] - corners[box[:, 0]]
    )
    faces = np.where((normals * outwards).sum(1, keepdims=True) > 0, box, box[:, ::-1])
    expected = 0.3 * 1.8 * 0.25 * 985 / 1.8**2
    assert body_mass_index(corners - 5, faces) == pytest.approx(expected)


def test_pictures_are_sorted_by_looseness_and_view() -> None:
    loose = rendered_report(scored([rendered(n) for n in (0, 14, 15, 24, 25, 40)]))
    assert [(row["name"], row["pictures"]) for row in loose["by_looseness"]] == [
        ("tight", 2), ("close", 2), ("loose", 2),
    ]  # fmt: skip
    assert loose["by_view"] == []
    angles = (0.0, 30.0, 59.0, 90.0, 121.0, 180.0, None)
    views = rendered_report(scored([rendered(5, angle) for angle in angles]))["by_view"]
    assert [(row["name"], row["pictures"]) for row in views] == [
        ("front", 2), ("three-quarter", 1), ("side", 1), ("back", 2),
    ]  # fmt: skip


def test_every_bin_has_its_own_pictures_and_baselines() -> None:
    pictures = ((10, 10.0, 0.0), (10, 100.0, 1.0), (30, None, 0.0))
    report = rendered_report(scored([rendered(*picture) for picture in pictures]))
    gap = {
        row["name"]: row["scores"][NETWORK]["mae"] - row["scores"][DRESSED]["mae"]
        for row in report["by_view"]
    }
    # One wrong pixel of 1600 in the picture that shows the side; both are alike elsewhere.
    assert gap == {"front": pytest.approx(0), "side": pytest.approx(1 / 1600)}
    # The network's map is the dressed silhouette, and a constant can only be better than that.
    assert all(row["cloth_ratio"] >= 1 for row in report["by_looseness"])


def test_heavy_people_are_told_apart_from_the_others() -> None:
    nobody = np.zeros((20, 20), bool)
    scores = [
        score_rendered(nobody * 0.0, nobody, ~nobody, None, bmi) for bmi in (20.0, 32.0, 33.0)
    ]
    rows = rendered_report(scored([*scores, rendered(5)]))["by_build"]
    assert [(row["name"], row["pictures"]) for row in rows] == [("up to 32", 2), ("above 32", 1)]


def test_pictures_without_a_person_have_no_ratio_and_no_bins() -> None:
    nobody = np.zeros((20, 20), bool)
    empty = rendered_report(scored([score_rendered(nobody * 0.0, nobody, nobody, None)]))
    assert without_nan(empty)["cloth_ratio"] is None
    assert empty["by_looseness"] == empty["by_view"] == []


def test_photos_are_counted_by_whether_their_edge_is_less_sure() -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    distance = np.hypot(rows, columns)
    garment = distance <= RADIUS
    fading, nothing = np.where(garment, 1 - distance / RADIUS, 0), np.zeros_like(garment)
    maps = (fading, fading, np.where(garment, distance / RADIUS, 0))
    scores = [score_photo(predicted, nothing, ~garment, garment) for predicted in maps]
    scores.append(score_photo(fading, nothing, ~garment, nothing))
    scores.append(score_photo(fading, nothing, nothing, garment))
    summary = photo_report(scored(scores))["photos"]
    assert summary["garment_photos"] == 3
    assert summary["garment_unclear"] == 1
    assert summary["garment_edge_lower"] == pytest.approx(2 / 3)
    assert summary["median_garment_edge"] < 0.1
    assert summary["median_garment_middle"] == pytest.approx(2 / 3, abs=0.02)


def test_cloth_far_from_the_limbs_is_a_mean_over_the_photos_that_show_some() -> None:
    nothing = np.zeros((4, 4), bool)
    plain = score_photo(np.zeros((4, 4)), nothing, nothing, nothing)
    scores = [plain._replace(garment_far=value) for value in (0.1, 0.5, float("nan"), 0.3)]
    report = photo_report(scored(scores))
    assert report["photos"]["garment_far"] == pytest.approx(0.3)
    assert report["photos"]["garment_far_photos"] == 3
    assert report["photo_standard_errors"]["garment_far"] == pytest.approx(0.2 / 3**0.5)


def test_photo_scores_are_medians_over_photos_and_the_person_is_all_but_null() -> None:
    skin = np.array([[True, False, False, False]])
    background = np.array([[False, False, True, True]])
    person, street, scores = [], [], []
    for value in (0.2, 0.8, 0.9):
        predicted = np.array([[value, 0.5, 0.1, value / 2]])
        scores.append(score_photo(predicted, skin, background, np.zeros_like(skin)))
        person += [value, 0.5]
        street += [0.1, value / 2]
    summary = photo_report(scored(scores))["photos"]
    assert summary["photos"] == 3
    assert summary["median_skin"] == pytest.approx(0.8)
    assert summary["median_background"] == pytest.approx((0.1 + 0.4) / 2)
    pairs = [(p > s) + 0.5 * (p == s) for p in person for s in street]
    assert summary["auroc"] == pytest.approx(np.mean(pairs))
    assert np.isnan(summary["garment_edge_lower"])


def test_means_of_photos_with_masks_stand_beside_a_map_of_ones() -> None:
    mask = np.ones((4, 4), bool)
    maps = [np.full((4, 4), value) for value in (0.0, 1.0, 1.0, 1.0)]
    report = mask_report(scored([score_mask(one, mask) for one in maps]))["people"]
    assert report["network"]["iou"] == 0.75
    assert report["network"]["iou_below_half"] == 0.25
    values = np.array([0.0, 1.0, 1.0, 1.0])
    assert report["standard_errors"]["iou"] == pytest.approx(values.std(ddof=1) / 2)
    mask[:, :3] = False
    full = mask_report(scored([score_mask(np.ones((4, 4)), mask)] * 2))["people"]
    for name in ("recall", "mass_on_person", "iou", "iou_below_half"):
        assert full["network"][name] == pytest.approx(full["whole picture"][name])
