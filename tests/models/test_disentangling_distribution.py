"""Two replicas on two virtual CPUs do twenty steps of one device, with every preset.

In float64: normalisation over replicas computes a variance as E x² − (E x)², which rounds otherwise. Without
gradient clipping: Keras clips on each replica, before the gradients are added up.
"""

import json
import subprocess
import sys

import pytest

from keras_fer.models.objective import PRESETS

# A minute and a half of one core that has nothing else to do.
pytestmark = pytest.mark.timeout(1200)

ALL_TERMS = "all terms"
SCRIPT = """
import json, sys
import keras, numpy as np, tensorflow as tf
from keras_fer.models.backbones import backbone
from keras_fer.models.building import disentangling_model
from keras_fer.models.objective import PRESETS, preset
from keras_fer.models.replicas import synchronize_normalization

keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
generator = np.random.default_rng(0)
labels = generator.integers(0, 4, 40).astype(np.int32)
labels[[1, 11, 12, 13]] = -1  # The first replica sees fewer of the second batch than the other.
groups = np.repeat(np.arange(20), 2).astype(np.int32)
rows = (
    generator.integers(0, 256, (40, 32, 32, 3)).astype(np.uint8),
    {"expression": labels, "pair": groups, "view": groups},
    generator.uniform(0.5, 1.5, 40),
)
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
train = tf.data.Dataset.from_tensor_slices(rows).batch(8, drop_remainder=True).with_options(options)
# The second replica gets less of the last batch.
judged = tf.data.Dataset.from_tensor_slices((rows[0][:13], {"expression": labels[:13]})).batch(8)
judged = judged.with_options(options)


# One for the whole process: TensorFlow takes the messages of a second one for those of the first.
replicated = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def tiny_trunk():
    images = keras.Input((32, 32, 3))
    features = keras.layers.Conv2D(4, 3, strides=8, use_bias=False)(keras.layers.Rescaling(1 / 255)(images))
    return keras.Model(images, keras.layers.LeakyReLU()(keras.layers.BatchNormalization()(features)))


def trained(strategy, objective, build):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = disentangling_model(
            build(), 4, objective=objective, representation_size=6, non_expression_size=5, decoder_width=1
        )
        if strategy.num_replicas_in_sync > 1:
            synchronize_normalization(model)
        model.compile(keras.optimizers.AdamW(0.01, weight_decay=0.1, use_ema=True, ema_momentum=0.9), seed=0)
        # A step that has to make variables cannot hold messages between replicas.
        model.optimizer.build(model.encoder_variables)
        if model.critics:
            model.critic_optimizer.build(model.critic_variables)
    history = model.fit(train, epochs=4, shuffle=False, verbose=0, validation_data=judged).history
    players = (model, model.optimizer, model.critic_optimizer)
    return [np.asarray(variable) for player in players if player for variable in player.variables], history


def difference(objective, build=tiny_trunk):
    one, log_of_one = trained(tf.distribute.get_strategy(), objective, build)
    two, log_of_two = trained(replicated, objective, build)
    return {
        "variables": max(np.abs(a.astype(float) - b).max() for a, b in zip(one, two, strict=True)),
        "logs": {name: np.abs(np.subtract(log_of_one[name], log_of_two[name])).max() for name in log_of_one},
    }


small = {"num_critics": 1, "critic_steps": 2, "bank_size": 30, "bank_draws": 16}
objectives = {name: preset(name, **(small if name == "disentangle" else {})) for name in PRESETS}
objectives[sys.argv[1]] = preset(
    "disentangle",
    num_critics=1,
    critic_steps=1,
    bank_size=0,
    reconstruction_noise=0.1,
    cross_covariance_weight=0.5,
    view_invariance_weight=0.5,
    swap_reconstruction_weight=0.5,
)
found = {name: difference(objective) for name, objective in objectives.items()}
found["plain_small"] = difference(preset("d2ae"), lambda: backbone("plain_small", 32))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def differences():
    command = [sys.executable, "-c", SCRIPT, ALL_TERMS]
    result = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", [*PRESETS, ALL_TERMS, "plain_small"])
def test_two_replicas_are_one_device(differences, name):
    assert differences[name]["variables"] < 1e-8
    assert max(differences[name]["logs"].values()) < 1e-8
