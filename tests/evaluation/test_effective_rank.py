import numpy as np
import pytest

from keras_fer.evaluation.effective_rank import effective_rank


def test_equal_directions_count_fully():
    # Rows ±e_i have zero mean and a covariance that is a multiple of the identity.
    rows = np.concatenate([np.eye(6), -np.eye(6)])
    assert effective_rank(rows) == pytest.approx(6.0, abs=1e-9)


def test_one_direction_counts_one_although_every_dimension_varies():
    rows = np.outer(np.linspace(-1, 1, 50), np.ones(8)) + 3.0
    assert rows.std(axis=0).min() > 0.5
    assert effective_rank(rows) == pytest.approx(1.0, abs=1e-6)


def test_golden_value_of_two_unequal_eigenvalues():
    # Variances 3 : 1, so shares .75 and .25: exp(.75 log(4/3) + .25 log 4) = 1.7547653...
    rows = np.array([[np.sqrt(3), 0], [-np.sqrt(3), 0], [0, 1], [0, -1.0]])
    assert effective_rank(rows) == pytest.approx((4 / 3) ** 0.75 * 4**0.25, abs=1e-12)


def test_is_invariant_to_shift_and_scale():
    rows = np.random.default_rng(0).normal(size=(40, 5))
    assert effective_rank(rows * 1e-3 + 7) == pytest.approx(effective_rank(rows), rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_constant_representation_has_rank_zero(value):
    assert effective_rank(np.full((30, 4), value)) == 0.0


@pytest.mark.parametrize("rows", [np.zeros(3), np.zeros((1, 3)), np.full((4, 2), np.nan)])
def test_refuses_what_has_no_covariance(rows):
    with pytest.raises(ValueError, match="Received: shape="):
        effective_rank(rows)
