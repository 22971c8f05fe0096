"""Random numbers inside a step hold the run's seed: equal seeds repeat them, others do not."""

import keras
import numpy as np
import pytest

from keras_fer.models.loading import load_model
from keras_fer.models.step_seeds import drawn_seed, step_seed


def trained(tiny_model, make_batch, name, **settings):
    """The weights after some steps from equal initial weights."""
    model = tiny_model(name)
    rates = {
        "optimizer": keras.optimizers.SGD(0.1),
        "critic_optimizer": keras.optimizers.SGD(0.1),
    }
    model.compile(**rates, **settings)
    for seed in range(3):
        model.train_on_batch(*make_batch(seed=seed))
    return model, [variable.numpy() for variable in model.trainable_variables]


def equal(first, second):
    return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["disentangle", "d2ae"])
def test_equal_seeds_give_equal_weights_and_other_seeds_others(tiny_model, make_batch, name):
    weights = {
        (seed, run): trained(tiny_model, make_batch, name, seed=seed, run_eagerly=True)[1]
        for seed, run in ((3, 0), (3, 1), (4, 0))
    }
    assert equal(weights[3, 0], weights[3, 1])
    assert not equal(weights[3, 0], weights[4, 0])


def test_the_noise_alone_holds_the_seed(tiny_model, make_batch):
    """Without a bank no critic draws anything."""
    objective = {"reconstruction_weight": 1.0, "reconstruction_noise": 0.5}
    first, second = (
        trained(tiny_model, make_batch, objective, seed=seed, run_eagerly=True)[1] for seed in (0, 1)
    )
    assert not equal(first, second)


def test_no_seed_is_that_of_keras(tiny_model):
    """`set_random_seed`, which `tiny_model` calls, decides it."""
    seeds = []
    for seed in (0, 0, 1):
        model = tiny_model("disentangle", seed=seed)
        model.compile()
        seeds.append(model.seed)
    assert seeds[0] == seeds[1] != seeds[2]


def test_the_seed_is_saved_and_older_files_have_none(tiny_model, make_batch, tmp_path):
    model, _ = trained(tiny_model, make_batch, "disentangle", seed=11, run_eagerly=True)
    model.save(tmp_path / "model.keras")
    assert load_model(tmp_path).seed == 11
    config = model.get_compile_config()
    assert config.pop("seed") == 11
    model.compile_from_config(config)
    assert model.seed == 0


def test_draws_of_a_step_differ_and_are_in_range():
    keras.utils.set_random_seed(0)
    assert 0 <= drawn_seed() < 2**31
    pairs = {
        (int(step), salted)
        for seed in range(4)
        for salt in range(4)
        for step, salted in [step_seed(seed, 9, salt)]
    }
    assert len(pairs) == 16
    assert all(step == 9 and 0 <= salted < 2**31 for step, salted in pairs)
