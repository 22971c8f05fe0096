import math

import numpy as np
import pytest
import tensorflow as tf

from keras_fer.models.factor_losses import (
    absolute_error,
    adversarial,
    factor_loss,
    prediction_error,
    present,
    squared_error,
)
from keras_fer.models.factors import Factor

NAN = float("nan")
KIND = Factor("kind", "categorical", 2, class_weights=(1, 3), label_smoothing=0.2)
POSE = Factor("pose", "continuous", 2)
# The second row has no label, the third is undecided.
LABELS = tf.constant([[1.0, 0.0], [0.0, 0.0], [0.5, 0.5]])
LOGITS = tf.math.log([[0.8, 0.2], [0.6, 0.4], [0.9, 0.1]])
VALUES = tf.constant([[1.0, -2.0], [NAN, NAN], [NAN, 3.0]])
PREDICTIONS = tf.constant([[0.5, 0.0], [9.0, 9.0], [9.0, 1.0]])


def test_which_rows_have_a_target():
    assert present(KIND, LABELS).numpy().tolist() == [1, 0, 1]
    assert present(POSE, VALUES).numpy().tolist() == [1, 0, 1]


def test_errors_by_hand():
    expected = [-math.log(0.8), 0, -0.5 * math.log(0.9) - 0.5 * math.log(0.1)]
    assert prediction_error(KIND, LABELS, LOGITS).numpy() == pytest.approx(expected, rel=1e-5)
    assert prediction_error(POSE, VALUES, PREDICTIONS).numpy().tolist() == [(0.25 + 4) / 2, 0, 4]
    assert absolute_error(VALUES, PREDICTIONS, (2.0, 10.0)).numpy().tolist() == [(1 + 20) / 2, 0, 20]


def test_smoothing_and_class_weights_are_of_the_loss_alone():
    first = -0.9 * math.log(0.8) - 0.1 * math.log(0.2)
    third = 2 * (-0.5 * math.log(0.9) - 0.5 * math.log(0.1))
    assert factor_loss(KIND, LABELS, LOGITS).numpy() == pytest.approx([first, 0, third], rel=1e-5)
    assert factor_loss(POSE, VALUES, PREDICTIONS).numpy().tolist() == [(0.25 + 4) / 2, 0, 4]


def test_several_critics_at_once():
    """Judgements have the critics in front: `(critics, rows, size)`."""
    for factor, targets, said in ((KIND, LABELS, LOGITS), (POSE, VALUES, PREDICTIONS)):
        stacked = tf.stack([said, 2 * said])
        for function in (
            lambda values, f=factor, t=targets: prediction_error(f, t, values),
            lambda values, f=factor, t=targets: adversarial(f, t, values, "reversal", True),
            lambda values, f=factor, t=targets: adversarial(f, t, values, "uniform", False),
        ):
            alone = [function(said), function(2 * said)]
            np.testing.assert_allclose(function(stacked), alone, rtol=1e-6)


@pytest.mark.parametrize(
    ("mode", "clamp", "expected"),
    [
        ("reversal", False, [-2.125, 0, -4]),
        ("reversal", True, [-1, 0, -1]),
        ("uniform", False, [0.125, 0, 1]),
        ("entropy", True, [0.125, 0, 1]),
    ],
)
def test_how_values_are_chased(mode, clamp, expected):
    assert adversarial(POSE, VALUES, PREDICTIONS, mode, clamp).numpy().tolist() == expected


def test_which_way_values_are_chased():
    """Down the gradient: away from the truth, but not beyond chance; or to the guess 0."""
    targets = tf.constant([[1.0], [1.0], [1.0], [-0.5]])
    said = tf.Variable([[0.9], [2.5], [0.2], [0.1]])
    for mode, clamp, directions in (
        ("reversal", False, [-1, 1, -1, 1]),
        ("reversal", True, [-1, 0, -1, 1]),
        ("uniform", False, [-1, -1, -1, -1]),
    ):
        with tf.GradientTape() as tape:
            values = adversarial(Factor("age", "continuous", 1), targets, said, mode, clamp)
        assert np.sign(-tape.gradient(values, said)[:, 0]).tolist() == directions


def test_classes_are_chased_as_in_the_other_model():
    factor = Factor("kind", "categorical", 2, class_prior=(0.3, 0.7))
    uniform = -0.3 * math.log(0.8) - 0.7 * math.log(0.2) + 0.3 * math.log(0.3) + 0.7 * math.log(0.7)
    found = adversarial(factor, LABELS, LOGITS, "uniform", False).numpy()
    assert found[:2] == pytest.approx([uniform, 0], rel=1e-5)
    clamped = adversarial(factor, LABELS, LOGITS, "reversal", True).numpy()
    assert clamped == pytest.approx([math.log(0.8), 0, -math.log(2)], rel=1e-5)


def test_unknown_values_spoil_no_gradient():
    said = tf.Variable(PREDICTIONS)
    with tf.GradientTape(persistent=True) as tape:
        squared = squared_error(VALUES, said)
        chased = adversarial(POSE, VALUES, said, "reversal", False)
    np.testing.assert_allclose(tape.gradient(squared, said), [[-0.5, 2], [0, 0], [0, -4]])
    np.testing.assert_allclose(tape.gradient(chased, said), [[0.5, -2], [0, 0], [0, 4]])
