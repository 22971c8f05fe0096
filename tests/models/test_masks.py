import numpy as np
import pytest
import tensorflow as tf

from keras_fer.models.losses import BatchMean
from keras_fer.models.masks import mask


def test_a_mean_over_the_rows_that_have_a_target():
    rows = mask(tf.constant([1.0, 0.0, 1.0, 1.0]))
    assert float(rows.count) == 3
    assert rows.weights.numpy() == pytest.approx([4 / 3, 0, 4 / 3, 4 / 3])
    values = tf.constant([2.0, 100.0, 3.0, 7.0])
    assert float(BatchMean()(values, values, sample_weight=rows.weights)) == pytest.approx(4)


def test_nobody_has_one():
    rows = mask(tf.zeros(3))
    assert float(rows.count) == 0
    np.testing.assert_array_equal(rows.weights, np.zeros(3))


def test_a_weighted_mean():
    rows = mask(tf.constant([0.1, 0.0, 0.3]))
    values = tf.constant([2.0, 100.0, 6.0])
    assert float(BatchMean()(values, values, sample_weight=rows.weights)) == pytest.approx(5)


def test_everybody_has_one():
    np.testing.assert_array_equal(mask(tf.ones(5)).weights, np.ones(5))
