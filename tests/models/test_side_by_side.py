import numpy as np
import tensorflow as tf

from keras_fer.models.side_by_side import side_by_side, split


def test_what_stands_side_by_side_comes_apart_again():
    parts = {name: np.random.default_rng(0).random((3, width)) for name, width in (("a", 2), ("b", 1))}
    apart = split(side_by_side(parts.values()), {"a": 2, "b": 1})
    assert list(apart) == ["a", "b"]
    for name, part in parts.items():
        np.testing.assert_allclose(apart[name], part, rtol=1e-6)


def test_no_gradient_passes():
    part = tf.Variable([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(side_by_side([part, part]))
    assert tape.gradient(total, part) is None
