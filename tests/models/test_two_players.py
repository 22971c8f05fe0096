"""What the step of two players rests on; the step itself is in the tests of the models."""

import keras
import numpy as np

from keras_fer.models.two_players import rerouted


def test_the_same_values_by_another_route_and_nothing_touched():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(8)(inputs))
    branch = keras.Model(inputs, keras.layers.BatchNormalization(momentum=0.5)(hidden))
    features = np.random.default_rng(0).normal(size=(10, 6)).astype(np.float32)
    before = [variable.numpy() for variable in branch.variables]
    first = rerouted(branch, features, training=True)
    for variable, value in zip(branch.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    np.testing.assert_array_equal(first, branch(features, training=True))
    assert any((v.numpy() != old).any() for v, old in zip(branch.variables, before, strict=True))
    assert (np.asarray(rerouted(branch, features, training=True)) != np.asarray(first)).any()
