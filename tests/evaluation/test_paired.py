import json
import math

import numpy as np
import pytest
from scipy import stats

from keras_fer.evaluation.paired import RULE, paired_difference


def test_three_pairs_by_hand():
    """Differences 1, 2, 3: mean 2, s = 1, standard error 1/√3; t₀.₉₇₅(2) = 4.302653, t = 2√3."""
    result = paired_difference([11, 12, 13], [10, 10, 10])
    assert result.mean == 2
    assert result.interval == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), abs=1e-6)
    # With two degrees of freedom P(|T| > t) = 1 − t / √(2 + t²), and t² = 12.
    assert result.p_value == pytest.approx(1 - math.sqrt(12 / 14))
    assert (result.num_pairs, result.verdict) == (3, "not distinguishable")


@pytest.mark.parametrize("shift", [-3.0, 0.0, 0.3, 3.0])
def test_it_is_the_formula(shift):
    """m ± t₀.₉₇₅(5) · s / √6 with t₀.₉₇₅(5) = 2.570582; the verdict is that of the p-value too."""
    generator = np.random.default_rng(0)
    baseline = generator.normal(size=6)
    values = baseline + shift + generator.normal(size=6)
    result, differences = paired_difference(values, baseline), values - baseline
    error = differences.std(ddof=1) / math.sqrt(6)
    half = 2.570582 * error
    assert result.interval == pytest.approx((differences.mean() - half, differences.mean() + half), abs=1e-5)
    assert result.p_value == pytest.approx(2 * stats.t.sf(abs(differences.mean()) / error, 5))
    word = "not distinguishable" if result.p_value >= 0.05 else "higher" if shift > 0 else "lower"
    assert result.verdict == word


def test_both_directions():
    assert paired_difference([0.9, 0.91, 0.92], [0.1, 0.12, 0.11]).verdict == "higher"
    assert paired_difference([0.1, 0.12, 0.11], [0.9, 0.91, 0.92]).verdict == "lower"


def test_large_differences_between_seeds_cancel():
    """The seeds differ by 100 times the effect, which is the same for each."""
    result = paired_difference([1.1, 11.11, 21.09], [1.0, 11.0, 21.0])
    assert result.verdict == "higher"
    assert result.mean == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("values", "baseline", "mean"),
    [
        ([], [], None),
        ([0.5], [0.25], 0.25),
        ([0.5, 0.5], [0.5, 0.5], 0.0),
        ([0.3, 0.4], [0.1, 0.2], 0.2),  # Equal but for rounding.
    ],
)
def test_without_a_spread_nothing_is_distinguished(values, baseline, mean):
    result = paired_difference(values, baseline).to_dict()
    assert result["verdict"] == "not distinguishable"
    assert (result["interval"], result["p_value"], result["num_pairs"]) == (None, None, len(values))
    assert result["mean"] == (mean if mean is None else pytest.approx(mean))
    json.dumps(result, allow_nan=False)


def test_the_interval_covers_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        low, high = paired_difference(generator.normal(0.3, 1, 3), np.zeros(3)).interval
        covered += low < 0.3 < high
    assert 0.94 < covered / 2000 < 0.96


@pytest.mark.parametrize(
    ("values", "baseline", "message"),
    [([1, 2], [1], r"\(2,\), \(1,\)"), ([1, math.nan], [1, 2], "must be finite")],
)
def test_what_is_no_pairs_is_refused(values, baseline, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(values, baseline)


def test_the_rule_names_its_limits():
    for words in ("95 %", "two seeds", "not corrected"):
        assert words in RULE
