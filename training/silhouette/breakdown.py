"""Rendered pictures sorted by how loose the clothes are, and by where the person is seen from."""

from collections.abc import Iterable
from typing import Any

from training.silhouette.scores import RenderedScore, RenderedTotals, cloth_ratio

LOOSENESS = (("tight", 0.15), ("close", 0.25), ("loose", 0.45), ("wide", float("inf")))
"""Upper bounds of (dressed area - naked area) / naked area.

Fixed, so that tables of different data can be compared; close to the quartiles of `data synth`.
"""
VIEWS = (("front", 30.0), ("three-quarter", 60.0), ("side", 120.0), ("back", 180.0))
"""Upper bounds of the angle in degrees; `back` holds what is turned away by more than 120."""


def looseness_name(score: RenderedScore) -> str | None:
    """Its bin, the upper bound not included."""
    if score.looseness is None:
        return None
    return next(name for name, bound in LOOSENESS if score.looseness < bound)


def view_name(score: RenderedScore) -> str | None:
    """Its bin, the upper bound included."""
    if score.azimuth_deg is None:
        return None
    return next(name for name, bound in VIEWS if score.azimuth_deg <= bound)


class Breakdown:
    """Totals of each bin."""

    def __init__(self) -> None:
        self._by_looseness = {name: RenderedTotals() for name, _ in LOOSENESS}
        self._by_view = {name: RenderedTotals() for name, _ in VIEWS}

    def add(self, score: RenderedScore) -> None:
        """One picture more; what is not known of it puts it into no bin."""
        if name := looseness_name(score):
            self._by_looseness[name].add(score)
        if name := view_name(score):
            self._by_view[name].add(score)

    def by_looseness(self) -> list[dict[str, Any]]:
        """A row for each bin with pictures; each has its own best constant as baseline."""
        return _rows(self._by_looseness.items())

    def by_view(self) -> list[dict[str, Any]]:
        """Likewise."""
        return _rows(self._by_view.items())


def _rows(totals: Iterable[tuple[str, RenderedTotals]]) -> list[dict[str, Any]]:
    rows = []
    for name, total in totals:
        if total.num_pictures:
            summary = total.summary()
            row = {"name": name, "pictures": total.num_pictures, "scores": summary}
            rows.append(row | {"cloth_ratio": cloth_ratio(summary)})
    return rows
