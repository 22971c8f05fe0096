"""Whether a variant differs from a baseline that was run with the same seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from keras_fer.evaluation.interval import UNKNOWN, Interval
from keras_fer.evaluation.plain_json import plain

Verdict = Literal["higher", "lower", "not distinguishable"]
# The rule in words, to stand beside every verdict.
RULE = (
    "Paired over seeds: the difference to the baseline with the same seed, its mean, its 95 % interval "
    "(Student's t) and the p-value of the two-sided paired t-test. A difference is called higher or lower "
    "if the interval excludes 0, and not distinguishable otherwise, also where there are fewer than two "
    "seeds or all differences are equal, so that their spread is unknown. The p-values are not corrected "
    "for the number of comparisons: of twenty comparisons without a real difference one is expected to "
    "have p < 0.05."
)


@dataclass(frozen=True)
class PairedDifference:
    """Differences of pairs, summed up.

    Args:
        mean: of the differences; NaN without pairs.
        interval: 95 % interval of the mean, Student's t; NaN where the spread is unknown.
        p_value: of the two-sided paired t-test; NaN where the spread is unknown.
        num_pairs: number of pairs.
        verdict: see `RULE`.
    """

    mean: float
    interval: Interval
    p_value: float
    num_pairs: int
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON types; NaN becomes None."""
        return plain({**vars(self), "interval": self.interval.to_json()})


def paired_difference(values: Sequence[float], baseline: Sequence[float]) -> PairedDifference:
    """Compares values with those of a baseline, pair by pair.

    With differences d_i, mean m and standard deviation s (ddof 1) of n pairs, t = m / (s / √n); the
    interval is m ± t₀.₉₇₅(n − 1) · s / √n.

    Args:
        values: n numbers.
        baseline: n numbers, in the same order of seeds.

    Raises:
        ValueError: if the numbers of values differ, or one is not finite.
    """
    own, other = np.asarray(values, np.float64), np.asarray(baseline, np.float64)
    if own.shape != other.shape or own.ndim != 1:
        raise ValueError(
            f"Pairs need as many values as baselines. Received: shapes={own.shape}, {other.shape}"
        )
    if not (np.isfinite(own).all() and np.isfinite(other).all()):
        raise ValueError("Values must be finite. Received: NaN or infinity in them.")
    differences, count = own - other, len(own)
    mean = float(differences.mean()) if count else math.nan
    # What differs by rounding alone is equal.
    rounding = 1e-12 * max(1.0, float(np.abs([own, other]).max(initial=0.0)))
    if count < 2 or np.ptp(differences) <= rounding:
        return PairedDifference(mean, UNKNOWN, math.nan, count, "not distinguishable")
    from scipy import stats

    test = stats.ttest_rel(own, other)
    low, high = map(float, test.confidence_interval(0.95))
    verdict: Verdict = "higher" if low > 0 else "lower" if high < 0 else "not distinguishable"
    return PairedDifference(mean, Interval(low, high), float(test.pvalue), count, verdict)
