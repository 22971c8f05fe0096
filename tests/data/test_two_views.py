import numpy as np
import pytest

from keras_fer.data.sampling import IndexSampler
from keras_fer.data.two_views import TwoViews
from keras_fer.errors import FERError

LABELS = np.repeat([0, 1, 2], [30, 20, 10])
ROWS = np.arange(60) * 3 + 1


@pytest.mark.parametrize("mode", ["natural", "balanced", "tempered"])
def test_each_row_twice_in_the_order_of_the_sampler(mode):
    sampler = IndexSampler(LABELS, ROWS, 6, mode, seed=4)
    views = TwoViews(sampler)
    assert (views.mode, views.batch_size, views.steps_per_epoch) == ("views", 12, 10)
    np.testing.assert_array_equal(views.prior, sampler.prior)
    for step in (7, 0, 25):
        rows = views.batch(step)
        assert rows.shape == (12,)
        np.testing.assert_array_equal(rows[0::2], sampler.batch(step))
        np.testing.assert_array_equal(rows[1::2], sampler.batch(step))


def test_an_epoch_is_one_pass_over_the_images():
    views = TwoViews(IndexSampler(LABELS, ROWS, 6))
    rows = np.concatenate([views.batch(step) for step in range(views.steps_per_epoch)])
    assert sorted(rows) == sorted([*ROWS, *ROWS])


def test_pairs_are_refused():
    sampler = IndexSampler(LABELS, ROWS, 6, "pairs", pairs=np.arange(60) // 2)
    with pytest.raises(FERError, match="either an exact pair or two views"):
        TwoViews(sampler)
