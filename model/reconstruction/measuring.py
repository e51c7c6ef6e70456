"""Measurements of estimated shapes, with their intervals.

B people, P photos, N betas, M measurements, S side of the crops.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from model.body.measurements import MEASUREMENTS
from model.body.predictor import BodyPredictor
from model.reconstruction.evidence import share_seen
from model.reconstruction.gaussian import ShapeGaussian
from model.reconstruction.inputs import PersonView
from model.reconstruction.intervals import Circumstances, IntervalParameters
from model.reconstruction.looseness import looseness
from model.reconstruction.result import MeasuredInterval
from model.reconstruction.shapes import PersonShape

STEP = 0.5
"""Betas on either side of the mean body between which measurements are taken for linear."""


class ShapeTape:
    """Measures shapes of one body asset."""

    def __init__(self, body: BodyPredictor) -> None:
        self._body = body

    def measure(self, betas: Float[np.ndarray, "B N"]) -> Float[np.ndarray, "B M"]:
        """In the order and the units of `MEASUREMENTS`."""
        smpl = self._body.smpl
        with torch.inference_mode():
            shaped = smpl.shape(torch.from_numpy(betas).to(smpl.template))
            vertices = shaped.vertices.float().cpu().numpy()
        return self._body.tape.measure(vertices)

    @cached_property
    def slopes(self) -> Float[np.ndarray, "M N"]:
        """What a unit of each beta adds to each measurement of the mean body.

        They are found once; measuring them anew for each person would take longer than all else.
        """
        steps = STEP * np.eye(self._body.num_betas, dtype=np.float32)
        slopes: np.ndarray = (self.measure(steps) - self.measure(-steps)).T / (2 * STEP)
        return slopes

    def deviations(self, shape: ShapeGaussian) -> Float[np.ndarray, "M"]:  # noqa: F821
        """Standard deviation of each measurement that follows from that of the betas."""
        variances = np.einsum("mn,no,mo->m", self.slopes, shape.covariance, self.slopes)
        deviations: np.ndarray = np.sqrt(np.maximum(variances, 0))
        return deviations


def measured_people(
    tape: ShapeTape,
    parameters: IntervalParameters,
    shapes: Sequence[PersonShape],
    views: Sequence[PersonView],
    confidence: Float[Tensor, "P 1 S S"],
) -> list[tuple[MeasuredInterval, ...]]:
    """Of each person all `MEASUREMENTS` with their intervals.

    Clothes are as loose as on the mean of the photos, and of a person that much is hidden that no
    photo shows.

    Args:
        tape: Of the body asset.
        parameters: Of the intervals.
        shapes: Of the people.
        views: All photos.
        confidence: The maps over the crops.
    """
    values = tape.measure(np.stack([shape.gaussian.mean for shape in shapes]))
    doubts = [looseness(one) for one in confidence[:, 0].cpu().numpy()]
    hidden = [1 - share_seen(view.keypoints) for view in views]
    return [
        measured_intervals(
            row,
            parameters,
            Circumstances(
                tape.deviations(shape.gaussian),
                float(np.mean([doubts[photo] for photo in shape.photos])),
                min(hidden[photo] for photo in shape.photos),
                shape.height_m is not None,
                shape.weight_kg is not None,
            ),
        )
        for row, shape in zip(values, shapes, strict=True)
    ]


def measured_intervals(
    values: Float[np.ndarray, "M"],  # noqa: F821
    parameters: IntervalParameters,
    about: Circumstances,
) -> tuple[MeasuredInterval, ...]:
    """Measurements with their bounds, in the order of `MEASUREMENTS`."""
    low, high = parameters.bounds(values, about)
    rows: Sequence[list[float]] = np.stack([values, low, high], axis=1).tolist()
    return tuple(
        MeasuredInterval(measurement.name, *row)
        for measurement, row in zip(MEASUREMENTS, rows, strict=True)
    )
