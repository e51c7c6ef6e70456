"""Wire types of body measurements."""

import numpy as np
from jaxtyping import Float
from pydantic import Field, model_validator

from app.schemas.body import Betas, BetasUse, Vertices
from app.schemas.common import Received, Sent, with_examples
from model.body.measurements import MEASUREMENTS
from model.body.predictor import BodyParameters


class MeasurementsRequest(Received):
    """A body in T-pose: either betas, or vertices of the server's body asset."""

    model_config = with_examples({"betas": [2, -1]})

    betas: Betas | None = None
    vertices: Vertices | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "MeasurementsRequest":
        if (self.betas is None) == (self.vertices is None):
            raise ValueError("either betas or vertices are needed, and not both")
        return self

    def contents(self) -> "BodyParameters | Float[np.ndarray, 'V 3']":
        """As arrays: parameters, or vertices."""
        if self.betas is not None:
            return BodyParameters(np.array(self.betas, np.float32))
        return np.array(self.vertices, np.float64)


class MeasurementValue(Sent):
    """One number with what it means."""

    value: float
    unit: str = Field(description="In words.")
    iso_8559_1: str | None = Field(
        default=None,
        description="Number of the definition in ISO 8559-1; null where the standard has none.",
    )


class BodyMeasurements(Sent):
    """What a tape and scales say of a body."""

    model_config = with_examples(
        {
            "measurements": {
                "height": {"value": 1.69, "unit": "metre", "iso_8559_1": "5.1.1"},
                "volume": {"value": 0.081, "unit": "cubic metre"},
            },
            "betas": {"num_betas": 10, "num_betas_ignored": 0, "num_betas_padded": 8},
        }
    )

    measurements: dict[str, MeasurementValue] = Field(
        description="By name. "
        + " ".join(f"`{row.name}`: {row.definition}." for row in MEASUREMENTS)
    )
    betas: BetasUse | None = Field(default=None, description="Null where vertices were given.")

    @classmethod
    def of(
        cls,
        values: Float[np.ndarray, "M"],  # noqa: F821
        betas: BetasUse | None,
    ) -> "BodyMeasurements":
        """From values in the order of `MEASUREMENTS`."""
        named = zip(MEASUREMENTS, values.tolist(), strict=True)
        return cls(
            measurements={
                row.name: MeasurementValue(value=value, unit=row.unit, iso_8559_1=row.iso_8559_1)
                for row, value in named
            },
            betas=betas,
        )
