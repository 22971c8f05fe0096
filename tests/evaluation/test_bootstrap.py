import numpy as np
import pytest

from keras_fer.evaluation.bootstrap import ratio_interval


def test_units_that_agree_leave_no_doubt():
    assert ratio_interval(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])) == (0.5, 0.5)


def test_a_share_has_about_the_interval_of_the_binomial():
    hits = np.repeat([1.0, 0.0], [30, 70])
    low, high = ratio_interval(hits, np.ones(100), draws=20_000)
    # Standard error sqrt(0.3 · 0.7 / 100) = 0.0458, 1.96 of it on either side.
    assert low == pytest.approx(0.3 - 0.09, abs=0.011)
    assert high == pytest.approx(0.3 + 0.09, abs=0.011)


def test_whole_units_are_drawn():
    # Two people, one always right and one always wrong: another two may well be both right.
    assert ratio_interval(np.array([50.0, 0.0]), np.array([50.0, 50.0])) == (0.0, 1.0)


def test_the_seed_decides():
    values, ones = np.arange(20.0), np.ones(20)
    assert ratio_interval(values, ones, seed=1) == ratio_interval(values, ones, seed=1)
    assert ratio_interval(values, ones, seed=1) != ratio_interval(values, ones, seed=2)


@pytest.mark.parametrize(("above", "below"), [([1.0], [1.0]), ([0.0, 0.0], [0.0, 0.0]), ([], [])])
def test_nothing_to_redraw(above, below):
    assert np.isnan(ratio_interval(np.array(above), np.array(below))).all()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"Received: \(2,\), \(3,\)"):
        ratio_interval(np.ones(2), np.ones(3))
