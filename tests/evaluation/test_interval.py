import json
import math

import numpy as np
import pytest

from keras_fer.evaluation.interval import UNKNOWN, Interval, percentile_interval


def test_percentiles_of_the_draws():
    # Of 0 … 1000 the 2.5 % percentile is 25.
    assert percentile_interval(np.arange(1000.0, -1.0, -1.0)) == (25.0, 975.0)


def test_draws_without_a_score_are_left_out():
    draws = np.r_[np.nan, np.arange(1001.0), np.inf, -np.inf]
    assert percentile_interval(draws) == (25.0, 975.0)


@pytest.mark.parametrize("draws", [[], [math.nan], [math.inf, math.nan]])
def test_no_draws(draws):
    interval = percentile_interval(np.array(draws))
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_json_and_back():
    assert Interval(0.25, 0.5).to_json() == [0.25, 0.5]
    assert Interval.from_json(json.loads(json.dumps(Interval(0.25, 0.5).to_json()))) == (0.25, 0.5)
    assert UNKNOWN.to_json() is None
    for ends in (None, [None, None]):
        assert all(map(math.isnan, Interval.from_json(ends)))
