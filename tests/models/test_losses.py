"""Each term by hand, then what must hold for any input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_fer.models import losses

pytestmark = pytest.mark.usefixtures("float64")
QUARTERS = (0.25, 0.25, 0.25, 0.25)


def array(*values):
    return ops.convert_to_tensor(np.array(values, np.float64))


def numbers(tensor):
    return ops.convert_to_numpy(tensor)


def log_odds(*probabilities):
    """Logits whose softmax is `probabilities`."""
    return array(*[[math.log(value) for value in row] for row in probabilities])


# --- expression ----------------------------------------------------------------------------------


def test_cross_entropy_by_hand():
    logits = log_odds((0.5, 0.25, 0.125, 0.125), (0.5, 0.25, 0.125, 0.125), QUARTERS)
    labels = array([0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 0])
    expected = [math.log(4), 0.5 * math.log(2) + 0.5 * math.log(8), 0.0]
    np.testing.assert_allclose(numbers(losses.cross_entropy(labels, logits)), expected, atol=1e-12)


def test_cross_entropy_does_not_overflow():
    values = numbers(losses.cross_entropy(array([0, 1], [1, 0]), array([1e4, -1e4], [1e4, -1e4])))
    np.testing.assert_allclose(values, [2e4, 0.0])


def test_smoothed_by_hand():
    smooth = numbers(losses.smoothed(array([0, 1, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 0]), 0.2))
    expected = [[0.05, 0.85, 0.05, 0.05], [0.45, 0.45, 0.05, 0.05], [0, 0, 0, 0]]
    np.testing.assert_allclose(smooth, expected, atol=1e-12)


@given(st.floats(0, 0.99), st.integers(2, 9), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_smoothed_labels_still_sum_to_one(amount, count, seed):
    labels = np.random.default_rng(seed).dirichlet(np.ones(count), 3)
    smooth = numbers(losses.smoothed(array(*labels), amount))
    np.testing.assert_allclose(smooth.sum(axis=1), 1, atol=1e-12)
    assert (smooth >= amount / count - 1e-12).all()


# --- adversarial ---------------------------------------------------------------------------------

SKEWED = ((0.5, 0.25, 0.125, 0.125),)
HAPPY = array([0, 1, 0, 0])


def adversarial(probabilities, mode, prior=QUARTERS, clamp=False, labels=HAPPY):
    return float(numbers(losses.adversarial(labels, log_odds(*probabilities), mode, prior, clamp))[0])


def test_uniform_by_hand():
    # CE(u, p) = (1 + 2 + 3 + 3) / 4 bits, H(u) = 2 bits.
    assert adversarial(SKEWED, "uniform") == pytest.approx(0.25 * math.log(2))


def test_uniform_aims_at_the_prior_of_the_sampler():
    assert adversarial(SKEWED, "uniform", prior=SKEWED[0]) == pytest.approx(0, abs=1e-12)
    # CE(u, uniform) = 2 bits, H(u) = 1.75 bits.
    assert adversarial((QUARTERS,), "uniform", prior=SKEWED[0]) == pytest.approx(0.25 * math.log(2))


def test_reversal_by_hand():
    assert adversarial(SKEWED, "reversal") == pytest.approx(-math.log(4))


def test_clamp_takes_the_push_away_at_chance():
    confident, mistaken = ((0.1, 0.7, 0.1, 0.1),), ((0.7, 0.1, 0.1, 0.1),)
    assert adversarial(confident, "reversal", clamp=True) == pytest.approx(math.log(0.7))
    assert adversarial(mistaken, "reversal", clamp=True) == pytest.approx(-math.log(4))
    assert adversarial(mistaken, "reversal", clamp=False) == pytest.approx(math.log(0.1))


def test_entropy_by_hand():
    assert adversarial(SKEWED, "entropy") == pytest.approx(0.25 * math.log(2))
    assert adversarial((QUARTERS,), "entropy") == pytest.approx(0, abs=1e-12)
    # H(u) counts even where the critic is uniform: 1.75 bits − 2 bits.
    assert adversarial((QUARTERS,), "entropy", prior=SKEWED[0]) == pytest.approx(-0.25 * math.log(2))


def test_a_class_that_never_comes_has_no_share():
    assert adversarial(((0.5, 0.5),), "uniform", prior=(1.0, 0.0)) == pytest.approx(math.log(2))


def test_missing_labels_give_zero_reversal():
    assert adversarial(SKEWED, "reversal", labels=array([0, 0, 0, 0])) == 0
    assert adversarial(SKEWED, "reversal", labels=array([0, 0, 0, 0]), clamp=True) == 0


def test_unknown_mode():
    with pytest.raises(ValueError, match=r"`mode` must be one of .*'uniform'.*Received: mode='gan'"):
        adversarial(SKEWED, "gan")


@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_floors(count, seed):
    """`uniform` is never below 0 and `entropy` is 0 where the critic is uniform; any critic, any prior."""
    generator = np.random.default_rng(seed)
    logits = array(*generator.normal(0, 3, (4, count)))
    labels = array(*np.eye(count)[generator.integers(0, count, 4)])
    prior = tuple(generator.dirichlet(np.ones(count)))
    even = (1 / count,) * count
    assert (numbers(losses.adversarial(labels, logits, "uniform", prior, False)) >= -1e-9).all()
    assert (numbers(losses.adversarial(labels, logits, "entropy", even, False)) >= -1e-9).all()
    clamped = numbers(losses.adversarial(labels, logits, "reversal", even, True))
    assert (clamped >= -math.log(count) - 1e-9).all()
    assert (clamped <= 0).all()


# --- pictures ------------------------------------------------------------------------------------


def test_reconstruction_is_half_the_mean_square():
    pictures = ops.reshape(array(0, 0.5, -1, 1, 1, 1, 1, 1), (2, 2, 2, 1))
    decoded = ops.reshape(array(1, 0.5, -1, -1, 1, 1, 1, 1), (2, 2, 2, 1))
    # (1 + 0 + 0 + 4) / 2 over four pixels.
    np.testing.assert_allclose(numbers(losses.reconstruction(pictures, decoded)), [0.625, 0])


# --- statistics of a batch -----------------------------------------------------------------------


def test_decorrelation_by_hand():
    # Covariance [[1, 2], [2, 4]] with n − 1 = 2; two off-diagonal 4s over two dimensions.
    assert float(losses.decorrelation(array([-1, -2], [0, 0], [1, 2]))) == pytest.approx(4.0)


def test_decorrelation_of_independent_dimensions_is_zero():
    corners = array([-1, -1, 5], [-1, 1, 5], [1, -1, 5], [1, 1, 5])
    assert float(losses.decorrelation(corners)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("width", [2, 5, 16])
def test_decorrelation_of_copies_is_the_width_less_one(width):
    """Copies of one direction with variance 1: d (d − 1) covariances of 1, over d."""
    direction = np.random.default_rng(0).normal(size=100)
    direction = (direction - direction.mean()) / direction.std(ddof=1)
    copies = array(*np.repeat(direction[:, None], width, axis=1))
    assert float(losses.decorrelation(copies)) == pytest.approx(width - 1)


def test_cross_covariance_by_hand():
    # Both label columns are ± the only dimension: two correlations of 1, over K = 2.
    values, labels = array([1], [-1], [1], [-1]), array([1, 0], [0, 1], [1, 0], [0, 1])
    assert float(losses.cross_covariance(values, labels, epsilon=0.0)) == pytest.approx(1.0)
    # Label columns vary by 1/4: epsilon takes 1 / (1 + e) and 1 / (1 + 4 e) off the squares.
    expected = 1 / (1 + 0.1) / (1 + 0.4)
    assert float(losses.cross_covariance(values, labels, epsilon=0.1)) == pytest.approx(expected)


def test_cross_covariance_is_zero_where_class_means_agree():
    """Linearly independent, though the classes differ in spread: no linear classifier can tell."""
    values = array([1, 2], [-1, -2], [3, 0], [-3, 0])
    labels = array([1, 0], [1, 0], [0, 1], [0, 1])
    assert float(losses.cross_covariance(values, labels)) == pytest.approx(0, abs=1e-12)


def test_cross_covariance_leaves_rows_without_label_out():
    generator = np.random.default_rng(0)
    values, labels = generator.normal(size=(6, 3)), np.eye(2)[[0, 1, 0, 1, 1, 0]]
    alone = float(losses.cross_covariance(array(*values), array(*labels)))
    values, labels = np.vstack([values, [[99.0, -99.0, 5.0]]]), np.vstack([labels, [[0, 0]]])
    assert float(losses.cross_covariance(array(*values), array(*labels))) == pytest.approx(alone)


def test_cross_covariance_without_any_label_is_zero():
    assert float(losses.cross_covariance(array([1, 2], [3, 4]), array([0, 0], [0, 0]))) == 0


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(-5, 5))
@settings(max_examples=20, deadline=None)
def test_cross_covariance_ignores_scale_and_offset(seed, scale, offset):
    generator = np.random.default_rng(seed)
    values, labels = generator.normal(size=(12, 3)), array(*np.eye(3)[np.arange(12) % 3])
    plain = float(losses.cross_covariance(array(*values), labels, epsilon=0.0))
    moved = float(losses.cross_covariance(array(*(values * scale + offset)), labels, epsilon=0.0))
    assert moved == pytest.approx(plain, rel=1e-6)
    assert 0 <= plain <= 3


# --- pairs, valence and arousal ------------------------------------------------------------------


def test_invariance_by_hand():
    values = losses.invariance(array([0, 1], [2, 2]), array([3, 1], [2, 2]))
    np.testing.assert_allclose(numbers(values), [4.5, 0])


def test_view_invariance_by_hand():
    # Angles of 0, 90 and 180 degrees, 60 degrees, and a representation that is zero.
    first = array([3, 4], [2, 0], [1, 1], [2, 0], [0, 0])
    second = array([6, 8], [0, 5], [-2, -2], [1, math.sqrt(3)], [3, 4])
    values = numbers(losses.view_invariance(first, second))
    np.testing.assert_allclose(values, [0, 2, 4, 1, 1], atol=1e-12)


def test_view_invariance_of_zero_has_a_gradient_of_zero_not_nan():
    import tensorflow as tf

    hidden = tf.Variable([[-1.0, -2.0]], dtype=tf.float64)
    with tf.GradientTape() as tape:
        loss = losses.view_invariance(tf.nn.relu(hidden), array([3, 4]))
    np.testing.assert_array_equal(tape.gradient(loss, hidden), [[0, 0]])


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_view_invariance_is_symmetric_and_free_of_scale(seed, scale):
    first, second = np.random.default_rng(seed).normal(size=(2, 4, 3))
    plain = numbers(losses.view_invariance(array(*first), array(*second)))
    np.testing.assert_allclose(
        numbers(losses.view_invariance(array(*second), array(*(scale * first)))), plain, rtol=1e-9
    )
    assert (plain >= 0).all()
    assert (plain <= 4 + 1e-12).all()


def test_valence_arousal_leaves_the_unknown_out():
    nan = math.nan
    targets = array([0.5, -0.5], [0.5, nan], [nan, nan])
    values = losses.valence_arousal(targets, array([0, 0.5], [0, 0.5], [1, 1]))
    np.testing.assert_allclose(numbers(values), [(0.25 + 1) / 2, 0.25, 0])


def test_unknown_valence_has_a_gradient_of_zero_not_nan():
    import tensorflow as tf

    predictions = tf.Variable([[0.25, 0.5]], dtype=tf.float64)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(losses.valence_arousal(array([math.nan, 1.0]), predictions))
    np.testing.assert_allclose(tape.gradient(loss, predictions), [[0, -1]])


def test_batch_mean_divides_by_the_batch_not_by_the_weights():
    mean = losses.BatchMean()
    values = array(1.0, 2.0, 6.0)
    assert float(mean(values, values)) == pytest.approx(3.0)
    assert float(mean(values, values, sample_weight=array(1.0, 0.5, 0.0))) == pytest.approx(2 / 3)
    assert float(mean(array(4.0)[0], array(4.0)[0])) == pytest.approx(4.0)
