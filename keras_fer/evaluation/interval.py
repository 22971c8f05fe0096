"""A 95 % interval, from draws of what it is of, and as JSON has it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A 95 % interval; both ends NaN where there is nothing to estimate."""

    low: float
    high: float

    @classmethod
    def from_json(cls, ends: Sequence[float | None] | None) -> "Interval":
        """Reads two ends, where None stands for NaN, or None for both."""
        if ends is None:
            return UNKNOWN
        low, high = (math.nan if end is None else end for end in ends)
        return cls(low, high)

    def to_json(self) -> list[float] | None:
        """Returns the two ends, or None where there is nothing to estimate."""
        return list(self) if all(map(math.isfinite, self)) else None


UNKNOWN = Interval(math.nan, math.nan)


def percentile_interval(draws: np.ndarray) -> Interval:
    """Returns the 2.5 % and 97.5 % percentiles of the draws that are finite; NaN if none is."""
    draws = draws[np.isfinite(draws)]
    if draws.size == 0:
        return UNKNOWN
    low, high = np.percentile(draws, [2.5, 97.5])
    return Interval(float(low), float(high))
