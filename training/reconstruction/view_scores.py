"""Scores of a real person before calibrated cameras, beside MediaPipe's own 3D joints.

J joints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from model.reconstruction.result import Reconstruction
from model.skeletons import MEDIAPIPE_33_NAMES, SMPL_24_JOINT_NAMES
from training.datasets.evaluation_pictures import file_stamp
from training.datasets.pose2sim import CalibratedViews, JointView
from training.reconstruction.estimating import Estimator
from training.reconstruction.metrics import pa_mpjpe_mm
from training.reconstruction.whole_way import WholeWay
from training.reporting.scoring import SampleSet, Scored
from training.reporting.tables import Table, number

NAMES = tuple(
    f"{side}_{name}"
    for side in ("left", "right")
    for name in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
)
"""The joints that both skeletons have."""
_SMPL = [SMPL_24_JOINT_NAMES.index(name) for name in NAMES]
_MEDIAPIPE = [MEDIAPIPE_33_NAMES.index(name) for name in NAMES]
_HIPS = [NAMES.index(f"{side}_hip") for side in ("left", "right")]


class ViewScore(NamedTuple):
    """Of one picture, in millimetres, after the middles of the hips are put together."""

    found: bool
    mpjpe: float
    """NaN where nobody was found, or no joint is known."""
    pa_mpjpe: float
    mediapipe_mpjpe: float
    mediapipe_pa_mpjpe: float


class ViewItem(NamedTuple):
    """A picture and what is known of its person."""

    view: JointView

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        return self.view.image


class CalibratedPictures:
    """Every camera's pictures."""

    def __init__(self, views: CalibratedViews) -> None:
        self._views = views

    def __len__(self) -> int:
        return len(self._views)

    def key(self, index: int) -> str:
        """Camera and frame."""
        return f"pose2sim/cam{self._views.camera(index) + 1:02d}/{index % len(self._views.frames)}"

    def stamp(self, index: int) -> str:
        """Size and modification time of the picture."""
        return file_stamp(self._views.picture_path(index))

    def __getitem__(self, index: int) -> ViewItem:
        """One picture."""
        return ViewItem(self._views.joints(index))


@dataclass(frozen=True)
class ViewLooks:
    """Looks at pictures."""

    whole_way: WholeWay

    def __call__(
        self, estimator: Estimator, items: Sequence[ViewItem]
    ) -> list[Reconstruction | None]:
        """The largest person in each."""
        return self.whole_way(estimator, [item.image for item in items])


def calibrated_views(folder: Path, whole_way: WholeWay) -> SampleSet[ViewItem]:
    """A folder of `training.datasets.pose2sim`."""
    return SampleSet(
        "views",
        "pictures of four calibrated cameras",
        CalibratedPictures(CalibratedViews.open(folder)),
        ViewScore,
        lambda item, body: score_view(item.view, body),
        view_report,
        ask=ViewLooks(whole_way),
    )


def score_view(view: JointView, body: Reconstruction | None) -> ViewScore:
    """Compare joints in the camera's axes."""
    truth = view.joints[_MEDIAPIPE]
    found = None if body is None else body.joints[_SMPL]
    theirs = view.mediapipe[_MEDIAPIPE]
    return ViewScore(body is not None, *errors_mm(found, truth), *errors_mm(theirs, truth))


def errors_mm(joints: np.ndarray | None, truth: np.ndarray) -> tuple[float, float]:
    """MPJPE, middles of the hips together, and PA-MPJPE, of the joints that are known.

    Args:
        joints: (12, 3) in metres; None where there are none.
        truth: (12, 3), NaN where not known.
    """
    known = np.isfinite(truth).all(1)
    if joints is None or not known[_HIPS].all() or known.sum() < 4:
        return float("nan"), float("nan")
    ours, theirs = (points - points[_HIPS].mean(0) for points in (joints, truth))
    distances = np.linalg.norm(ours - theirs, axis=1)[known]
    return float(distances.mean() * 1000), pa_mpjpe_mm(joints[known], truth[known])


def view_report(scored: Sequence[Scored]) -> dict[str, Any]:
    """Means over pictures in which somebody was found and the hips are known."""
    scores: list[ViewScore] = [one.score for one in scored]
    fields = ("mpjpe", "pa_mpjpe", "mediapipe_mpjpe", "mediapipe_pa_mpjpe")
    usable = [s for s in scores if np.isfinite([getattr(s, name) for name in fields]).all()]
    means = {
        name: float(np.mean([getattr(s, name) for s in usable])) if usable else float("nan")
        for name in fields
    }
    counts = {"pictures": len(scores), "found": sum(s.found for s in scores)}
    return {"views": counts | {"measured": len(usable)} | means}


def view_table(report: dict[str, Any]) -> Table:
    """Of `view_report`."""
    views = report["views"]
    rows = [
        ["network", number(views["mpjpe"], 0), number(views["pa_mpjpe"], 0)],
        [
            "MediaPipe's world landmarks",
            number(views["mediapipe_mpjpe"], 0),
            number(views["mediapipe_pa_mpjpe"], 0),
        ],
    ]
    title = (
        f"One person in {views['measured']} of {views['pictures']} pictures of four calibrated "
        "cameras, 12 joints"
    )
    return Table(title, ["", "MPJPE, mm", "PA-MPJPE, mm"], rows)
