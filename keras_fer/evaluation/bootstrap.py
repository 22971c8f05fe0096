"""Intervals of ratios of sums by redrawing whole units: pairs of pictures, or people."""

import numpy as np

from keras_fer.evaluation.interval import UNKNOWN, Interval, percentile_interval
from keras_fer.evaluation.metrics import BOOTSTRAP_DRAWS


def ratio_interval(
    numerators: np.ndarray, denominators: np.ndarray, draws: int = BOOTSTRAP_DRAWS, seed: int = 0
) -> Interval:
    """Returns the 95 % percentile interval of Σ numerators / Σ denominators.

    A share over groups is such a ratio: hits and answers of each person. Redrawing the people rather
    than their pictures keeps pictures of one person, which resemble each other, together.

    Args:
        numerators: `(n,)`, one number per unit.
        denominators: `(n,)`, at least 0.
        draws: how often the n units are drawn anew, with replacement.
        seed: of the draws.

    Returns:
        The interval; NaN where there is nothing to divide by, or only one unit, which tells nothing of
        others.

    Raises:
        ValueError: if the arrays are not of one length.
    """
    numerators, denominators = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    if numerators.ndim != 1 or numerators.shape != denominators.shape:
        raise ValueError(
            "`numerators` and `denominators` must have one shape (n,). "
            f"Received: {numerators.shape}, {denominators.shape}"
        )
    units = len(numerators)
    if units < 2 or denominators.sum() <= 0:
        return UNKNOWN
    # How often each unit is drawn is one multinomial draw.
    times = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=draws)
    above, below = times @ numerators, times @ denominators
    return percentile_interval(above[below > 0] / below[below > 0])
