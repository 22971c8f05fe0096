"""Half precision must learn what single precision learns."""

import keras
import numpy as np
import pytest

from keras_fer.models.objective import preset


def one_step(tiny_model, make_batch, policy, dtype_policy):
    dtype_policy(policy)
    model = tiny_model(preset("disentangle", adversarial_weight=1.0, bank_size=64), seed=3)
    model.compile(
        optimizer=keras.optimizers.SGD(0.1), critic_optimizer=keras.optimizers.SGD(0.1), run_eagerly=True
    )
    before = [variable.numpy() for variable in model.trainable_variables]
    model.train_on_batch(*make_batch(24))
    players = (len(model.encoder_variables), len(before))
    moved = [v.numpy() - old for v, old in zip(model.trainable_variables, before, strict=True)]
    return [np.concatenate([m.ravel() for m in moved[a:b]]) for a, b in ((0, players[0]), players)]


@pytest.mark.parametrize(("policy", "tolerance"), [("mixed_float16", 0.15), ("mixed_bfloat16", 0.3)])
def test_a_step_is_that_of_single_precision(tiny_model, make_batch, dtype_policy, policy, tolerance):
    """Also in length: a gradient that is scaled and never unscaled, or unscaled twice, is far off."""
    full = one_step(tiny_model, make_batch, "float32", dtype_policy)
    half = one_step(tiny_model, make_batch, policy, dtype_policy)
    for player, (expected, found) in enumerate(zip(full, half, strict=True)):
        assert np.linalg.norm(expected) > 1e-3
        difference = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        assert difference < tolerance, ("encoder", "critics")[player]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_learns_a_small_batch_by_heart(tiny_model, make_batch, dtype_policy, policy):
    dtype_policy(policy)
    model = tiny_model("paper", seed=1)
    model.compile(optimizer=keras.optimizers.Adam(0.02))
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    images, targets = make_batch(12)
    history = model.fit(images, targets, batch_size=12, epochs=25, verbose=0).history
    assert history["expression_loss"][-1] < 0.5 * history["expression_loss"][0]
    assert np.isfinite(history["loss"]).all()


def test_losses_and_critics_are_of_full_precision(tiny_model, make_batch, dtype_policy):
    dtype_policy("mixed_float16")
    model = tiny_model("disentangle")
    outputs = model(make_batch()[0])
    assert outputs["expression"].dtype == "float32"
    assert outputs["reconstruction"].dtype == "float32"
    assert outputs["non_expression_representation"].dtype == "float16"
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert (model.bank.rows.dtype, model.bank.labels.dtype) == ("float16", "float32")
