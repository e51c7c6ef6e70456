"""Bodies that are guessed without a photo: what a network must beat.

P people, N betas, M measurements.
"""

from collections.abc import Callable

import numpy as np

from model.body.predictor import BodyParameters, BodyPredictor
from training.reconstruction.metrics import NAMES, TPose

MEAN, SCALED, REGRESSION = "mean body", "mean body at the true height", "height and weight"
BASELINES = (MEAN, SCALED, REGRESSION)
HEIGHT, MASS = NAMES.index("height"), NAMES.index("mass")
_POWERS = np.array([3.0 if name in ("mass", "volume") else 1.0 for name in NAMES])
"""Of a length in each measurement; of the body mass index too, density being the same."""


def t_pose(body: BodyPredictor, betas: np.ndarray) -> TPose:
    """A body at rest and its measurements.

    Args:
        body: The asset.
        betas: (N,).
    """
    (mesh,) = body.predict_batch([BodyParameters(betas.astype(np.float32))])
    return TPose(mesh.vertices, body.tape.measure(mesh.vertices[None])[0])


def scaled(body: TPose, height: float) -> TPose:
    """A body made larger or smaller in all directions.

    Args:
        body: With the pelvis at the origin.
        height: That it gets, in metres.
    """
    factor = height / float(body.measured[HEIGHT])
    return TPose((body.vertices * factor).astype(np.float32), body.measured * factor**_POWERS)


def from_height_and_weight(
    body: BodyPredictor, betas: np.ndarray, measured: np.ndarray
) -> list[TPose]:
    """What a linear regression on height and mass says of each person, fitted on all the others.

    Betas, and thereby all vertices, are regressed, and each measurement by itself: its error is
    then at most that of the regressed vertices' measurement on the people of the fit.

    Args:
        body: The asset.
        betas: (P, N) of different people.
        measured: (P, M) of the same.
    """
    size = np.column_stack([np.ones(len(measured)), measured[:, [HEIGHT, MASS]]])
    guessed = left_out(size, np.concatenate([betas, measured], 1))
    num_betas = betas.shape[1]
    bodies = body.predict_batch(
        [BodyParameters(row[:num_betas].astype(np.float32)) for row in guessed]
    )
    return [
        TPose(mesh.vertices, row[num_betas:]) for mesh, row in zip(bodies, guessed, strict=True)
    ]


def left_out(inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Each row's outputs as least squares on all other rows predicts them.

    Args:
        inputs: (P, K) with a column of ones.
        outputs: (P, L).
    """
    fitted = np.empty_like(outputs)
    for row in range(len(inputs)):
        others = np.arange(len(inputs)) != row
        weights, *_ = np.linalg.lstsq(inputs[others], outputs[others], rcond=None)
        fitted[row] = inputs[row] @ weights
    return fitted


def guesses(
    body: BodyPredictor, betas: np.ndarray, measured: np.ndarray
) -> Callable[[int], dict[str, TPose]]:
    """The bodies that the baselines guess for each of several people, by the baselines' names.

    Args:
        body: The asset.
        betas: (P, N) of different people.
        measured: (P, M) of the same.
    """
    mean = t_pose(body, np.zeros(betas.shape[1]))
    regressed = from_height_and_weight(body, betas, measured)
    return lambda person: {
        MEAN: mean,
        SCALED: scaled(mean, float(measured[person, HEIGHT])),
        REGRESSION: regressed[person],
    }
