"""Linear functions that lie above a given share of values.

Source: Koenker, Bassett, Regression Quantiles, Econometrica 1978.

P samples, F features.
"""

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import eye_array, hstack

from model.errors import HabitusError


def quantile_regression(features: np.ndarray, values: np.ndarray, share: float) -> np.ndarray:
    """(F,) coefficients of the linear function of least pinball loss, by linear programming.

    Features without variation but the constant get the coefficient 0 where others explain as much.

    Args:
        features: (P, F), a column of ones among them.
        values: (P,).
        share: Of the values that lie below the function, in (0, 1).

    Raises:
        ValueError: `share` is none.
        HabitusError: The solver finds no solution.
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share}; between 0 and 1 is needed")
    number, width = features.shape
    # Of one size, so that the solver's tolerances mean the same for all.
    scale = np.maximum(np.abs(features).max(0), 1e-12)
    unit = max(float(np.abs(values).max()), 1e-12)
    identity = eye_array(number, format="csc")
    costs = np.concatenate([np.zeros(width), np.full(number, share), np.full(number, 1 - share)])
    solved = linprog(
        costs,
        A_eq=hstack([features / scale, identity, -identity], format="csc"),
        b_eq=values / unit,
        bounds=[(None, None)] * width + [(0, None)] * (2 * number),
        method="highs",
    )
    if not solved.success or solved.x is None:
        raise HabitusError(f"a quantile regression has no solution: {solved.message}")
    coefficients: np.ndarray = solved.x[:width] * unit / scale
    return coefficients
