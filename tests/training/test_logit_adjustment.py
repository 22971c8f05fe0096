import keras
import numpy as np
import pytest

from keras_fer.models.building import disentangling_model
from keras_fer.training.logit_adjustment import adjust_logits, expression_bias


@pytest.fixture
def model():
    return disentangling_model("plain_small", 3, image_size=16, objective="baseline")


def test_golden_biases(model):
    expression_bias(model).assign([0.5, 0.0, -0.5])
    probabilities = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1]])  # Means: 0.6, 0.3, 0.1.
    adjust_logits(model, probabilities, 0.5)
    expected = np.array([0.5, 0.0, -0.5]) - 0.5 * np.log([0.6, 0.3, 0.1])
    np.testing.assert_allclose(expression_bias(model).numpy(), expected, rtol=1e-6)


def test_logits_move_by_the_biases_and_nothing_else_does(model):
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype(np.float32)
    before = model.predict(images, verbose=0)
    adjust_logits(model, np.array([[0.6, 0.3, 0.1]]), 1.0)
    after = model.predict(images, verbose=0)
    moved = after["expression"] - before["expression"]
    np.testing.assert_allclose(moved, np.tile(-np.log([0.6, 0.3, 0.1]), (4, 1)), rtol=1e-4)
    np.testing.assert_array_equal(after["face_features"], before["face_features"])


def test_a_class_that_is_never_expected_has_a_finite_bias(model):
    adjust_logits(model, np.array([[0.9, 0.1, 0.0]]), 1.0)
    assert np.isfinite(expression_bias(model).numpy()).all()
    assert expression_bias(model).numpy()[2] == pytest.approx(-np.log(1e-4), rel=1e-5)
    assert keras.ops.argmax(expression_bias(model)) == 2
