"""Blended rows, against the formula with the share read from the labels."""

import numpy as np
import pytest
import tensorflow as tf

from keras_fer.data.mixup import mixup

BATCH = 6
IMAGES = np.random.default_rng(0).integers(0, 256, (BATCH, 8, 8, 3), np.uint8)
# Every row is of a class of its own, so that the label shows the share of each partner.
LABELS = np.array([3, 0, 5, 1, 4, 2], np.int32)


def mixed(images=IMAGES, labels=LABELS, alpha=0.5, seed=(3, 7), num_classes=BATCH, **more):
    targets = {name: tf.constant(values) for name, values in {"expression": labels, **more}.items()}
    images, targets = mixup(tf.constant(images), targets, alpha, num_classes, tf.constant(seed))
    return images.numpy(), {name: values.numpy() for name, values in targets.items()}


def shares(expression):
    return expression[np.arange(BATCH), LABELS]


def test_each_row_is_blended_with_the_one_at_the_mirrored_place():
    images, targets = mixed()
    share = shares(targets["expression"])
    assert ((share > 0.02) & (share < 0.98)).any()
    partner_share = targets["expression"][np.arange(BATCH), LABELS[::-1]]
    np.testing.assert_allclose(share + partner_share, 1.0, atol=1e-6)
    weight = share[:, None, None, None]
    blended = weight * IMAGES.astype(float) + (1 - weight) * IMAGES[::-1].astype(float)
    assert images.dtype == np.uint8
    # Half a step of rounding, and the single precision of the share.
    np.testing.assert_allclose(images, blended, atol=0.501)


def test_equal_rows_stay_as_they_are():
    images, _ = mixed(images=np.full((BATCH, 2, 2, 3), 255, np.uint8))
    assert (images == 255).all()


def test_soft_labels_and_valence_are_blended_in_the_same_share():
    votes = np.eye(BATCH, dtype=np.float32)[LABELS]
    valence_arousal = np.arange(2 * BATCH, dtype=np.float32).reshape(BATCH, 2)
    valence_arousal[1] = np.nan
    images, targets = mixed(labels=votes, valence_arousal=valence_arousal)
    of_labels, labels = mixed()
    np.testing.assert_array_equal(images, of_labels)
    np.testing.assert_array_equal(targets["expression"], labels["expression"])
    share = shares(targets["expression"])[:, None]
    expected = share * valence_arousal + (1 - share) * valence_arousal[::-1]
    np.testing.assert_allclose(targets["valence_arousal"], expected, rtol=1e-5)
    assert np.isnan(targets["valence_arousal"]).all(axis=1).tolist() == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]


def test_the_draws_are_a_function_of_the_seed():
    first, again, other = (mixed(seed=seed)[0] for seed in ((3, 7), (3, 7), (3, 8)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(("alpha", "variance"), [(0.2, 0.25 / 1.4), (1.0, 1 / 12)])
def test_shares_have_the_moments_of_the_beta_distribution(alpha, variance):
    """Mean 1/2, variance 1 / (4 (2 α + 1)): of four thousand draws, within five standard errors."""
    num_images = 4000
    labels = np.repeat([0, 1], num_images // 2).astype(np.int32)
    blank = np.zeros((num_images, 1, 1, 3), np.uint8)
    _, targets = mixed(images=blank, labels=labels, alpha=alpha, num_classes=2)
    share = targets["expression"][np.arange(num_images), labels]
    assert abs(share.mean() - 0.5) < 5 * np.sqrt(variance / num_images)
    assert abs(share.var() - variance) < 5 * variance * np.sqrt(2 / num_images)


def test_a_tiny_alpha_gives_no_nan():
    _, targets = mixed(alpha=1e-6)
    assert np.isfinite(targets["expression"]).all()
