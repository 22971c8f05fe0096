"""What the terms are made of; whole terms are tested by `test_losses.py` and `test_disentangling_step.py`."""

import keras
import numpy as np
import pytest

from keras_fer.models import terms
from keras_fer.models.objective import Objective


def test_pictures_by_hand():
    images = np.zeros((1, 16, 16, 3), np.float32)
    images[..., 0] = 255
    gray = keras.ops.convert_to_numpy(terms.pictures(keras.ops.convert_to_tensor(images), 16, 1))
    np.testing.assert_allclose(gray, np.full((1, 16, 16, 1), 0.299 * 2 - 1), atol=1e-6)
    colour = keras.ops.convert_to_numpy(terms.pictures(keras.ops.convert_to_tensor(images), 16, 3))
    np.testing.assert_allclose(colour[0, 0, 0], [1, -1, -1], atol=1e-6)


def test_pictures_are_reduced_without_aliasing():
    """A checkerboard of single pixels becomes gray, not black or white."""
    checkers = np.indices((32, 32)).sum(axis=0) % 2 * 255.0
    images = np.repeat(checkers[None, :, :, None], 3, axis=-1).astype(np.float32)
    small = keras.ops.convert_to_numpy(terms.pictures(keras.ops.convert_to_tensor(images), 8, 3))
    assert small.shape == (1, 8, 8, 3)
    np.testing.assert_allclose(small[:, 1:-1, 1:-1], 0, atol=0.02)


def test_weights_of_the_ramp(tiny_model, make_batch):
    model = tiny_model({"adversarial_weight": 0.5, "adversarial_ramp_steps": 4})
    images, targets = make_batch()
    images, targets, _ = model.unpack((images, targets))
    outputs = model.forward(images, training=False)
    weights = [
        float(
            terms.objective_terms(model.objective, model.critics, None, images, targets, outputs, None, step)[
                "adversarial_loss"
            ].weight
        )
        for step in (0, 1, 4, 9)
    ]
    assert weights == [0, 0.125, 0.5, 0.5]


def test_only_active_terms(tiny_model, make_batch):
    model = tiny_model({"decorrelation_weight": 0.5, "valence_arousal_weight": 1.0, "invariance_weight": 1.0})
    images, targets, _ = model.unpack(make_batch(pairs=False))
    outputs = model.forward(images, training=False)
    arguments = (model.critics, None, images, targets, outputs, None, 0)
    # Neither pairs nor valence and arousal are at hand.
    assert set(terms.objective_terms(model.objective, *arguments)) == {
        "expression_loss",
        "decorrelation_loss",
    }
    assert set(terms.objective_terms(Objective(), *arguments)) == {"expression_loss"}


@pytest.mark.parametrize("mode", ["uniform", "reversal", "entropy"])
def test_the_number_of_critics_does_not_change_the_term(tiny_model, make_batch, mode):
    """The mean over the critics: three copies of one critic push like the one."""
    model = tiny_model({"adversarial_weight": 1.0, "adversarial_mode": mode})
    images, targets, _ = model.unpack(make_batch(missing=(0,)))
    outputs = model.forward(images, training=False)
    values = [
        keras.ops.convert_to_numpy(
            terms.objective_terms(
                model.objective, model.critics * copies, None, images, targets, outputs, None, 0
            )["adversarial_loss"].values
        )
        for copies in (1, 3)
    ]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-5)
    assert values[0][0] == 0
