"""With `expression` as its only factor the model does what the `DisentanglingModel` does, step by step."""

import keras
import numpy as np
import pytest

from keras_fer.models.factors import Factor
from keras_fer.models.objective import PRESETS, preset

pytestmark = pytest.mark.usefixtures("float64")

RATE = 0.05
SMALL_BANK = {"disentangle": {"bank_size": 20, "bank_draws": 16}}


def copied(panel, critics):
    """Gives the critics of a panel the weights of as many critics."""
    stacked = [np.stack(arrays) for arrays in zip(*(judge.get_weights() for judge in critics), strict=True)]
    for variable, array in zip(panel.trainable_variables, stacked, strict=True):
        variable.assign(array.reshape(variable.shape))


def both(tiny_model, tiny_factor_model, name, class_prior=None):
    """The same weights in both models."""
    settings = SMALL_BANK.get(name, {})
    one = tiny_model(preset(name, **settings, class_prior=class_prior))
    factor = Factor("expression", "categorical", 4, width=6, class_prior=class_prior)
    other = tiny_factor_model(preset(name, **settings), factors=[factor])
    pairs = [
        (one.trunk, other.trunk),
        (one.expression_branch, other.branches["expression"]),
        (one.expression_head, other.heads["expression"]),
        (one.non_expression_branch, other.residual_branch),
    ]
    if one.decoder is not None:
        pairs.append((one.decoder, other.decoder))
    for given, taken in pairs:
        taken.set_weights(given.get_weights())
    if one.critics:
        copied(other.critics[0], one.critics)
    return one, other, pairs


@pytest.mark.parametrize("name", [name for name in PRESETS if not preset(name).needs_pairs])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_update_and_every_log(tiny_model, tiny_factor_model, make_batch, name, weighted):
    prior = (0.1, 0.2, 0.3, 0.4) if weighted and preset(name).has_critics else None
    one, other, pairs = both(tiny_model, tiny_factor_model, name, prior)
    weights = np.random.default_rng(1).uniform(0, 2, 12) if weighted else None
    for model in (one, other):
        model.compile(
            optimizer=keras.optimizers.SGD(RATE),
            critic_optimizer=keras.optimizers.SGD(RATE),
            seed=5,
            run_eagerly=True,
        )
    for seed in range(3):
        images, targets = make_batch(seed=seed, pairs=False, soft=weighted)
        for model in (one, other):
            model.reset_metrics()
        logs = [
            model.train_on_batch(images, targets, sample_weight=weights, return_dict=True)
            for model in (one, other)
        ]
        for given, taken in pairs:
            for variable, value in zip(taken.variables, given.variables, strict=True):
                np.testing.assert_allclose(variable, value, atol=1e-12, err_msg=variable.path)
        if one.critics:
            # Metrics and seeds aside: what a fresh copy would hold.
            moved = [variable.numpy() for variable in other.critics[0].trainable_variables]
            copied(other.critics[0], one.critics)
            for variable, value in zip(other.critics[0].trainable_variables, moved, strict=True):
                np.testing.assert_allclose(variable, value, atol=1e-12, err_msg=variable.path)
        shared = set(logs[0]) - {"critic_accuracy"}
        assert shared == set(logs[1]) - {"critic_loss_expression_from_residual"}
        for log in shared:
            assert float(logs[1][log]) == pytest.approx(float(logs[0][log]), abs=1e-12), log


def test_what_they_say_and_evaluate(tiny_model, tiny_factor_model, make_batch):
    one, other, _ = both(tiny_model, tiny_factor_model, "disentangle")
    images, targets = make_batch(pairs=False)
    names = {
        "expression": "expression",
        "expression_representation": "expression_representation",
        "non_expression_representation": "residual_representation",
        "face_features": "face_features",
        "reconstruction": "reconstruction",
    }
    outputs, others = one(images), other(images)
    assert (set(outputs), set(others)) == (set(names), set(names.values()))
    for name, alias in names.items():
        np.testing.assert_allclose(outputs[name], others[alias], atol=1e-12)
    logs = []
    for model in (one, other):
        model.compile(run_eagerly=True)
        logs.append(model.evaluate(images, targets, verbose=0, return_dict=True))
    for name in set(logs[0]) - {"critic_accuracy"}:
        assert logs[1][name] == pytest.approx(logs[0][name], abs=1e-10), name
