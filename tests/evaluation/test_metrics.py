import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from keras_fer.evaluation.metrics import (
    balanced_accuracy,
    bootstrap_confusions,
    evaluate_predictions,
    expected_calibration_error,
    wilson_interval,
)

NAMES = ("neutral", "happiness", "fear")
# Six images: neutral 2 of 3 right, happiness 1 of 2, fear 0 of 1 (taken for neutral).
LABELS = np.array([0, 0, 0, 1, 1, 2])
PROBABILITIES = np.array(
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1], [0.9, 0.1, 0.0]]
)


@pytest.fixture(scope="module")
def evaluation():
    return evaluate_predictions(LABELS, PROBABILITIES, NAMES)


def test_golden_scores(evaluation):
    assert evaluation.confusion.tolist() == [[2, 1, 0], [1, 1, 0], [1, 0, 0]]
    assert evaluation.accuracy == pytest.approx(0.5)
    assert evaluation.standard_error == pytest.approx(np.sqrt(0.25 / 6))
    assert evaluation.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    # F1: neutral 2·2/(3 + 4), happiness 2·1/(2 + 2), fear 0/(1 + 0).
    assert evaluation.macro_f1 == pytest.approx((4 / 7 + 1 / 2 + 0) / 3)
    # Second guesses save images 3 and 5; fear is third in image 6.
    assert evaluation.top_2_accuracy == pytest.approx(5 / 6)
    neutral, _, fear = evaluation.classes
    assert (neutral.support, neutral.predicted, neutral.recall, neutral.precision) == (3, 4, 2 / 3, 0.5)
    assert (fear.support, fear.predicted, fear.recall, fear.f1) == (1, 0, 0.0, 0.0)
    assert np.isnan(fear.precision)
    assert np.isnan(fear.precision_interval).all()
    assert np.isnan(fear.f1_interval).all()  # no redraw has a hit: [0, 0] would claim certainty
    assert 0 <= neutral.f1_interval.low < neutral.f1 < neutral.f1_interval.high <= 1


def test_golden_calibration_error(evaluation):
    # Confidences .8 .6 .7 .8 .5 .9; right: 1 1 0 1 0 0. Bins of 1/15: .8 and .8 share the bin (.733, .8],
    # the others are alone. Gaps × n: |2 − 1.6| + |1 − .6| + |0 − .7| + |0 − .5| + |0 − .9| = 2.9, over 6.
    assert evaluation.expected_calibration_error == pytest.approx(2.9 / 6)


def test_calibration_of_a_perfectly_confident_half_right_model():
    assert expected_calibration_error(np.ones(4), np.array([True, False, True, False])) == pytest.approx(0.5)
    assert expected_calibration_error(np.full(4, 0.5), np.array([True, False, True, False])) == 0
    # A confidence on an edge belongs to the bin below it: both of these share the bin (0, 1/2].
    assert expected_calibration_error(np.array([0.5, 0.3]), np.array([True, False]), 2) == pytest.approx(0.1)


def test_golden_wilson_interval():
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(29, 29) == pytest.approx((0.8830, 1.0), abs=5e-5)
    assert np.isnan(wilson_interval(0, 0)).all()


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_share_and_stays_in_range(counts):
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(30, 200))
def test_agrees_with_scikit_learn(seed, num_classes, num_images):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(num_classes), rng.integers(num_classes, size=num_images)])
    probabilities = rng.dirichlet(np.ones(num_classes), size=len(labels))
    predictions = probabilities.argmax(axis=1)
    result = evaluate_predictions(labels, probabilities, [f"class {k}" for k in range(num_classes)])
    every = {"labels": range(num_classes), "average": None, "zero_division": np.nan}
    np.testing.assert_array_equal(result.confusion, reference.confusion_matrix(labels, predictions))
    np.testing.assert_allclose(
        [scores.precision for scores in result.classes],
        reference.precision_score(labels, predictions, **every),
    )
    np.testing.assert_allclose(
        [scores.f1 for scores in result.classes], reference.f1_score(labels, predictions, **every)
    )
    assert result.balanced_accuracy == pytest.approx(reference.balanced_accuracy_score(labels, predictions))
    assert balanced_accuracy(labels, predictions, num_classes) == pytest.approx(result.balanced_accuracy)
    for value, interval in [
        (result.accuracy, result.accuracy_interval),
        (result.balanced_accuracy, result.balanced_accuracy_interval),
    ]:
        assert interval.low <= value <= interval.high


def test_a_class_without_images_is_left_out_and_noted():
    result = evaluate_predictions(np.array([0, 0, 1]), np.eye(3)[[0, 2, 1]], NAMES)
    assert result.balanced_accuracy == pytest.approx((0.5 + 1) / 2)
    assert result.macro_f1 == pytest.approx((2 / 3 + 1) / 2)
    fear = result.to_dict()["classes"][2]
    assert fear["recall"] is None
    assert fear["f1"] is None
    assert fear["recall_interval"] == [None, None]
    assert fear["precision"] == 0.0
    assert result.notes == ("No images of fear: left out of balanced accuracy and macro F1.",)


def test_bootstrap_draws_keep_the_number_of_images_and_repeat_with_the_seed():
    confusion = np.array([[40, 10], [5, 45]])
    draws = bootstrap_confusions(confusion, 4000, seed=3)
    assert draws.shape == (4000, 2, 2)
    assert (draws.sum(axis=(1, 2)) == 100).all()
    np.testing.assert_array_equal(draws, bootstrap_confusions(confusion, 4000, seed=3))
    # The spread of the redrawn accuracy is the binomial one: sqrt(.85 · .15 / 100).
    accuracies = draws[:, [0, 1], [0, 1]].sum(axis=1) / 100
    assert accuracies.std() == pytest.approx(np.sqrt(0.85 * 0.15 / 100), rel=0.05)


def test_bootstrap_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        labels = rng.integers(2, size=200)
        wrong = rng.random(200) > np.where(labels == 0, 0.9, 0.6)
        result = evaluate_predictions(labels, np.eye(2)[labels ^ wrong], ("a", "b"), seed=trial)
        covered += result.balanced_accuracy_interval.low <= 0.75 <= result.balanced_accuracy_interval.high
    assert 180 <= covered <= 200


def test_is_deterministic_and_plain_json(evaluation):
    again = evaluate_predictions(LABELS, PROBABILITIES, NAMES).to_dict()
    assert again == evaluation.to_dict()
    assert json.loads(json.dumps(again, allow_nan=False)) == again
    assert again["accuracy_interval"] == list(evaluation.accuracy_interval)


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        (LABELS[:2], PROBABILITIES, "must have shape"),
        (LABELS, PROBABILITIES[:, :2], "must have shape"),
        (LABELS[:0], PROBABILITIES[:0], "no image to evaluate"),
        (LABELS + 1, PROBABILITIES, r"must lie in \[0, 3\)"),
        (LABELS - 1, PROBABILITIES, r"must lie in \[0, 3\)"),
        (LABELS, PROBABILITIES * 9, "logits need a softmax"),
        (LABELS, np.full((6, 3), np.nan), "finite"),
    ],
)
def test_refuses_what_it_cannot_score(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        evaluate_predictions(labels, probabilities, NAMES)
