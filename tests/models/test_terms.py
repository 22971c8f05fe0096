"""What the terms are made of; whole terms are tested by `test_losses.py` and `test_disentangling_step.py`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

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
    absent = {"valence_arousal_weight": 1.0, "invariance_weight": 1.0, "view_invariance_weight": 1.0}
    model = tiny_model({"decorrelation_weight": 0.5, **absent})
    images, targets, _ = model.unpack(make_batch(pairs=False))
    outputs = model.forward(images, training=False)
    arguments = (model.critics, None, images, targets, outputs, None, 0)
    # Neither pairs nor views nor valence and arousal are at hand.
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


MASKED = {
    "expression_weight": 1.0,
    "adversarial_weight": 1.0,
    "cross_covariance_weight": 1.0,
    "invariance_weight": 1.0,
    "swap_reconstruction_weight": 1.0,
    "view_invariance_weight": 1.0,
    "valence_arousal_weight": 1.0,
    "label_smoothing": 0.1,
}


def gradients_by_row(model, batch):
    """Returns the largest gradient of the total in each row of each output."""
    images, targets, _ = model.unpack(batch)
    outputs = model.forward(images, training=True)
    codes = dict(zip(("decoded expression", "decoded rest"), outputs.pop("decoder_inputs"), strict=True))
    outputs = {name: tf.constant(values.numpy()) for name, values in {**outputs, **codes}.items()}
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        inputs = {**outputs, "decoder_inputs": [outputs[name] for name in codes]}
        found = terms.objective_terms(
            model.objective, model.critics, model.decoder, images, targets, inputs, None, 3
        )
        assert len(found) == sum(name.endswith("_weight") for name in MASKED)
        total = sum(term.weight * tf.reduce_mean(term.values * _factors(term)) for term in found.values())
    gradients = tape.gradient(total, outputs)
    assert gradients.pop("face_features") is None
    return {
        name: np.abs(values.numpy()).reshape(len(values), -1).max(axis=1)
        for name, values in gradients.items()
    }


def _factors(term):
    return 1.0 if term.sample_weight is None else term.sample_weight


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("mode", ["uniform", "reversal", "entropy"])
def test_a_row_of_which_nothing_is_known_adds_nothing(tiny_model, make_batch, mode):
    """Two rows without label, pair, view, valence and arousal: not the smallest gradient in any of them."""
    model = tiny_model({**MASKED, "adversarial_mode": mode})
    images, targets = make_batch(valence_arousal=True, missing=(8, 9))
    for name, unknown in (("pair", -1), ("view", -1), ("valence_arousal", np.nan)):
        targets[name][8:10] = unknown
    for name, largest in gradients_by_row(model, (images, targets)).items():
        np.testing.assert_array_equal(largest[8:10], 0, err_msg=name)
        assert largest[10:].max() > 0, name


@pytest.mark.usefixtures("float64")
def test_an_expression_weight_of_zero_takes_the_row_out_of_the_expression_term_alone(tiny_model, make_batch):
    images, targets = make_batch(valence_arousal=True)
    model = tiny_model(MASKED)
    before = gradients_by_row(model, (images, targets))
    targets["expression_weight"] = np.repeat([1.0, 0.0], 6)
    after = gradients_by_row(model, (images, targets))
    logits = after.pop("expression")
    np.testing.assert_array_equal(logits[:6], before.pop("expression")[:6])
    np.testing.assert_array_equal(logits[6:], 0)
    for name, largest in after.items():
        np.testing.assert_array_equal(largest, before[name], err_msg=name)


def test_expression_weights_by_hand():
    targets = {"labels": np.zeros((2, 3), np.float32)}
    assert terms.expression_weights(targets, None) is None
    assert terms.expression_weights(targets, "given") == "given"
    targets["expression_weight"] = np.array([0.5, 2.0])
    weights = terms.expression_weights(targets, np.array([3.0, 4.0]))
    assert keras.ops.convert_to_numpy(weights).tolist() == [1.5, 8.0]
    assert keras.ops.convert_to_numpy(terms.expression_weights(targets, None)).tolist() == [0.5, 2.0]


def test_missing_views_are_refused():
    terms.require_targets(Objective(view_invariance_weight=1.0), {"labels": 0, "view": 0})
    with pytest.raises(ValueError, match=r"must hold `view`.*`TwoViews`. Received: targets \['labels'\]"):
        terms.require_targets(Objective(view_invariance_weight=1.0), {"labels": 0})
