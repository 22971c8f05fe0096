"""Two optimisers over one model: averages, weight decay, and what neither may touch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_fer.models.objective import PRESETS, preset
from keras_fer.models.two_players import rerouted

MOMENTUM = 0.5


def arrays(variables):
    return [variable.numpy() for variable in variables]


def trajectory(model, batches, **settings):
    """Returns the trainable weights after each step of plain gradient descent, and the model."""
    model.compile(
        optimizer=keras.optimizers.SGD(0.1, **settings),
        critic_optimizer=keras.optimizers.SGD(0.1),
        run_eagerly=True,
    )
    states = []
    for batch in batches:
        model.train_on_batch(*batch)
        states.append(arrays(model.trainable_variables))
    return states


def averaged(states):
    """The moving average of each variable; it starts at the weights after the first step."""
    average = states[0]
    for state in states[1:]:
        average = [MOMENTUM * old + (1 - MOMENTUM) * new for old, new in zip(average, state, strict=True)]
    return average


def concatenated(batches):
    """One set of arrays that holds the batches in their order."""
    images = np.concatenate([images for images, _ in batches])
    names = batches[0][1]
    return images, {name: np.concatenate([targets[name] for _, targets in batches]) for name in names}


@pytest.mark.parametrize("name", ["baseline", "disentangle", "disentangle_pairs"])
@pytest.mark.parametrize("swap", [False, True])
def test_averages_are_of_the_right_variables(tiny_model, make_batch, name, swap):
    """After `fit` the encoder holds its averages, the critics their own last weights."""
    batches = [make_batch(seed=seed) for seed in range(3)]
    states = trajectory(tiny_model(name), batches)
    model = tiny_model(name)
    model.compile(
        optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=MOMENTUM),
        critic_optimizer=keras.optimizers.SGD(0.1),
        run_eagerly=True,
    )
    callbacks = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if swap else []
    images, targets = concatenated(batches)
    model.fit(images, targets, batch_size=12, shuffle=False, verbose=0, callbacks=callbacks)
    encoder = len(model.encoder_variables)
    expected = averaged(states)[:encoder] + states[-1][encoder:]
    for variable, value in zip(model.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, atol=1e-5, err_msg=variable.path)


def test_what_is_evaluated_is_the_average(tiny_model, make_batch):
    """Validation inside `fit` sees the averages, and training goes on from the weights."""
    batches = [make_batch(seed=seed) for seed in range(2)]
    states = trajectory(tiny_model("paper"), batches)
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            seen.append(arrays(self.model.encoder_variables))

    model = tiny_model("paper")
    model.compile(
        optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=MOMENTUM),
        critic_optimizer=keras.optimizers.SGD(0.1),
        run_eagerly=True,
    )
    images, targets = concatenated(batches)
    callbacks = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True), Watch()]
    settings = {"steps_per_epoch": 1, "epochs": 2, "shuffle": False, "verbose": 0, "callbacks": callbacks}
    dataset = tf.data.Dataset.from_tensor_slices((images, targets)).batch(12)
    model.fit(dataset, validation_data=batches[0], **settings)
    for index, average in enumerate((states[0], averaged(states))):
        for found, value in zip(seen[index], average, strict=False):
            np.testing.assert_allclose(found, value, atol=1e-5)


def test_weight_decay_leaves_the_unused_branch_alone(tiny_model, make_batch):
    model = tiny_model("baseline")
    model.compile(optimizer=keras.optimizers.AdamW(0.1, weight_decay=0.5), run_eagerly=True)
    before = arrays(model.non_expression_branch.variables)
    moving = arrays(model.trainable_variables)
    for seed in range(2):
        model.train_on_batch(*make_batch(seed=seed))
    for old, new in zip(before, arrays(model.non_expression_branch.variables), strict=True):
        np.testing.assert_array_equal(old, new)
    assert all((old != new).any() for old, new in zip(moving, arrays(model.trainable_variables), strict=True))


def test_weight_decay_of_the_encoder_does_not_reach_the_critics(tiny_model, make_batch):
    model = tiny_model("disentangle")
    model.compile(
        optimizer=keras.optimizers.SGD(0.1, weight_decay=0.5),
        critic_optimizer=keras.optimizers.SGD(0.0),
        run_eagerly=True,
    )
    before = arrays(model.critic_variables)
    model.train_on_batch(*make_batch())
    for old, new in zip(before, arrays(model.critic_variables), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("name", PRESETS)
def test_each_optimiser_holds_its_own_player(tiny_model, make_batch, name):
    """State for exactly the variables that it moves: none twice, none of the other."""
    model = tiny_model(name)
    model.compile(
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        critic_optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        run_eagerly=True,
    )
    model.train_on_batch(*make_batch())
    # Iterations, learning rate, and one momentum per variable.
    assert len(model.optimizer.variables) == 2 + len(model.encoder_variables)
    assert int(model.optimizer.iterations) == 1
    if model.critics:
        assert len(model.critic_optimizer.variables) == 2 + len(model.critic_variables)
        assert int(model.critic_optimizer.iterations) == model.objective.critic_steps


def test_the_bank_is_pushed_after_the_batch_is_judged(tiny_model, make_batch):
    """The adversarial term of the first step is that of critics that have learned nothing."""
    images, targets = make_batch()
    model = tiny_model("disentangle")
    model.compile(critic_optimizer=keras.optimizers.SGD(1.0), run_eagerly=True)
    features = model.trunk(images.astype(np.float32))
    representation = model.non_expression_branch(features, training=True)
    labels = np.eye(4)[targets["expression"]]
    errors = []
    for judge in model.critics:
        log_p = keras.ops.convert_to_numpy(keras.ops.log_softmax(judge(representation)))
        errors.append(np.minimum(-np.sum(labels * log_p, axis=1), np.log(4)))
    logs = model.train_on_batch(images, targets, return_dict=True)
    assert float(logs["adversarial_loss"]) == pytest.approx(-np.mean(errors), rel=1e-4)
    np.testing.assert_allclose(model.bank.rows[:12], features, atol=1e-3)
    np.testing.assert_array_equal(model.bank.labels[:12], labels)
    assert int(model.bank.count) == 12


def test_a_bank_may_keep_the_representations(tiny_model, make_batch):
    images, targets = make_batch()
    model = tiny_model(preset("disentangle", bank_size=64, bank_content="representations"))
    model.compile(run_eagerly=True)
    features = model.trunk(images.astype(np.float32))
    representation = model.non_expression_branch(features, training=True)
    model.train_on_batch(images, targets)
    np.testing.assert_allclose(model.bank.rows[:12], representation, atol=1e-5)


def test_critics_learn_from_what_the_branch_makes_of_stored_features_now(tiny_model, make_batch):
    """Of a bank of one batch, after the branch has become another: the gradient is that of its new values."""
    images, targets = make_batch()
    objective = preset("disentangle", bank_size=12, bank_draws=4096, num_critics=1, critic_steps=1)
    model = tiny_model(objective)
    model.compile(keras.optimizers.SGD(0.0), critic_optimizer=keras.optimizers.SGD(0.0), run_eagerly=True)
    model.train_on_batch(images, targets)
    branch, (judge,) = model.non_expression_branch, model.critics
    statistics = arrays(branch.non_trainable_variables)
    stored = rerouted(branch, model.trunk(images.astype(np.float32)), training=True)
    for variable in branch.trainable_variables:
        variable.assign(np.roll(variable, 1) + 0.1)
    model.compile(keras.optimizers.SGD(0.0), critic_optimizer=keras.optimizers.SGD(1.0), run_eagerly=True)
    bias, labels = judge.layers[-1].bias, np.eye(4)[targets["expression"]]
    before = np.asarray(bias)
    features = model.trunk(images.astype(np.float32))
    late = keras.ops.softmax(judge(stored))
    weights = judge.get_weights()
    model._train_critics(features, *map(np.float32, (np.zeros((12, 5)), labels)))
    moved = np.asarray(bias)
    for old, new in zip(statistics, arrays(branch.non_trainable_variables), strict=True):
        np.testing.assert_array_equal(old, new)
    judge.set_weights(weights)
    answers = keras.ops.softmax(judge(branch(features, training=True)))
    # With as many draws the mean over them is nearly that over the batch.
    expected = before - np.mean(np.asarray(answers) - labels, axis=0)
    np.testing.assert_allclose(moved, expected, atol=0.02)
    # Critics of the old representations would be elsewhere.
    assert np.abs(np.mean(np.asarray(answers) - np.asarray(late), axis=0)).max() > 0.06
