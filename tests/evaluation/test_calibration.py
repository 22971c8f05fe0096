"""Temperature against one that is known, curves by hand."""

import numpy as np
import pytest

from keras_fer.evaluation.calibration import (
    LEAST_ANSWERS,
    TEMPERATURES,
    Confidences,
    coverage,
    fit_temperature,
    highest_accuracy,
    reliability,
    threshold_of_accuracy,
)
from keras_fer.evaluation.metrics import expected_calibration_error


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(temperature):
    """Labels drawn from softmax(z / T) of 20,000 images: T within three per cent."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (20_000, 8))
    draws = softmax(logits / temperature).cumsum(axis=1) > generator.random((20_000, 1))
    assert fit_temperature(softmax(logits), draws.argmax(axis=1)) == pytest.approx(temperature, rel=0.03)


def test_it_makes_the_calibration_error_small():
    generator = np.random.default_rng(1)
    logits = generator.normal(0, 2, (20_000, 8))
    labels = (softmax(logits / 2).cumsum(axis=1) > generator.random((20_000, 1))).argmax(axis=1)

    def error(probabilities):
        confidences = Confidences.of(probabilities, labels)
        return expected_calibration_error(confidences.values, confidences.correct)

    found = fit_temperature(softmax(logits), labels)
    assert error(softmax(logits)) > 0.15
    assert error(softmax(logits / found)) < 0.02


def test_a_model_that_is_always_right_gets_the_smallest_temperature():
    probabilities = np.tile([0.6, 0.4], (10, 1))
    assert fit_temperature(probabilities, np.zeros(10, int)) == pytest.approx(TEMPERATURES[0], rel=0.01)
    assert fit_temperature(np.eye(2), np.array([1, 0])) == pytest.approx(TEMPERATURES[1], rel=0.01)


def test_coverage_by_hand():
    """Two images share a confidence, and come and go together."""
    confidences = Confidences(np.array([0.5, 0.9, 0.9, 0.3]), np.array([True, True, False, False]))
    curve = coverage(confidences)
    assert curve.thresholds.tolist() == [0.9, 0.5, 0.3]
    assert curve.shares.tolist() == [0.5, 0.75, 1.0]
    np.testing.assert_allclose(curve.accuracies, [1 / 2, 2 / 3, 1 / 2])


def confidences(*groups):
    """Groups of (confidence, number of images, number right)."""
    values = np.concatenate([np.full(count, value) for value, count, _ in groups])
    correct = np.concatenate([np.arange(count) < right for _, count, right in groups])
    return Confidences(values, correct)


def test_the_threshold_that_reaches_an_accuracy():
    given = confidences((0.9, 100, 99), (0.6, 100, 81), (0.2, 100, 30))
    # 99 % alone, 90 % with the second group, 70 % with all.
    assert threshold_of_accuracy(given, 0.95) == pytest.approx(0.75)
    assert threshold_of_accuracy(given, 0.9) == pytest.approx(0.4)
    assert threshold_of_accuracy(given, 0.7) == 0.0
    assert threshold_of_accuracy(given, 0.995) is None
    assert highest_accuracy(given) == pytest.approx(0.99)
    assert threshold_of_accuracy(given, highest_accuracy(given)) is not None


def test_a_few_answers_choose_no_threshold():
    few = confidences((0.9, LEAST_ANSWERS - 1, LEAST_ANSWERS - 1), (0.4, 60, 0))
    assert threshold_of_accuracy(few, 0.9) is None
    assert highest_accuracy(few) == pytest.approx((LEAST_ANSWERS - 1) / (LEAST_ANSWERS + 59))
    assert highest_accuracy(confidences((0.9, 3, 2))) == pytest.approx(2 / 3)
    enough = confidences((0.9, LEAST_ANSWERS, LEAST_ANSWERS), (0.4, 60, 0))
    assert threshold_of_accuracy(enough, 0.9) == pytest.approx(0.65)


def test_reliability_has_the_bins_of_the_calibration_error():
    generator = np.random.default_rng(2)
    given = Confidences(np.append(generator.random(500), [0.0, 1.0]), generator.random(502) < 0.5)
    bins = reliability(given)
    assert sum(part.num_images for part in bins) == 502
    error = sum(part.num_images * abs(part.accuracy - part.confidence) for part in bins) / 502
    assert error == pytest.approx(expected_calibration_error(given.values, given.correct))
    (only,) = reliability(confidences((0.5, 4, 3)))
    assert only == (0.5, 0.75, 4)
