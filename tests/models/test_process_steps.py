"""Two processes do twenty steps of one device, with every preset.

In float64 and without gradient clipping, as in `test_disentangling_distribution.py`, which has more terms.
The first process trains alone, too, when both are done: so TensorFlow starts twice, not three times.
"""

import json
import sys

import pytest
from local_cluster import free_addresses, run_together

from keras_fer.models.objective import PRESETS

# Two minutes of one core that has nothing else to do.
pytestmark = pytest.mark.timeout(1800)

SCRIPT = """
import json, sys
import keras, numpy as np, tensorflow as tf
from keras_fer.models.building import disentangling_model
from keras_fer.models.objective import PRESETS, preset
from keras_fer.models.replicas import synchronize_normalization
from keras_fer.training.cluster import Cluster
from keras_fer.training.devices import Devices

addresses, worker = sys.argv[1].split(","), int(sys.argv[2])
keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
# Optimising the graphs takes longer than the steps.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
# Before TensorFlow computes anything.
cluster, devices = Cluster(tuple(addresses), worker), Devices("CPU", 1)
cluster.scope(devices)
generator = np.random.default_rng(0)
labels = generator.integers(0, 4, 40).astype(np.int32)
labels[[1, 11, 12, 13]] = -1  # The first process sees fewer of the second batch than the other.
groups = np.repeat(np.arange(20), 2).astype(np.int32)
rows = (
    generator.integers(0, 256, (40, 16, 16, 3)).astype(np.uint8),
    {"expression": labels, "pair": groups, "view": groups},
    generator.uniform(0.5, 1.5, 40),
)
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
train = tf.data.Dataset.from_tensor_slices(rows).batch(8, drop_remainder=True).with_options(options)
# One of the processes gets nothing of the last batch.
judged = tf.data.Dataset.from_tensor_slices((rows[0][:9], {"expression": labels[:9]})).batch(8)
judged = judged.with_options(options)


def tiny_trunk():
    images = keras.Input((16, 16, 3))
    features = keras.layers.Conv2D(4, 3, strides=4, use_bias=False)(keras.layers.Rescaling(1 / 255)(images))
    return keras.Model(images, keras.layers.LeakyReLU()(keras.layers.BatchNormalization()(features)))


def trained(scope, objective, validation):
    keras.utils.set_random_seed(0)
    with scope:
        model = disentangling_model(
            tiny_trunk(),
            4,
            objective=objective,
            representation_size=6,
            non_expression_size=5,
            decoder_width=1,
        )
        several = model.distribute_strategy.num_replicas_in_sync
        if several > 1:
            synchronize_normalization(model)
        model.compile(keras.optimizers.AdamW(0.01, weight_decay=0.1, use_ema=True, ema_momentum=0.9), seed=0)
        model.optimizer.build(model.encoder_variables)
        if model.critics:
            model.critic_optimizer.build(model.critic_variables)
    history = model.fit(train, epochs=4, shuffle=False, verbose=0, validation_data=validation).history
    players = {"model": model, "optimizer": model.optimizer, "critic_optimizer": model.critic_optimizer}
    values = {
        f"{name} {number} {variable.path}": np.asarray(variable, float)
        for name, player in players.items()
        if player
        for number, variable in enumerate(player.variables)
    }
    return several, list(values.items()), {name: np.array(log) for name, log in history.items()}


small = {"num_critics": 1, "critic_steps": 2, "bank_size": 30, "bank_draws": 16}
objectives = {name: preset(name, **(small if name == "disentangle" else {})) for name in PRESETS}
# Validation would show the same in each of them, and takes half of the time.
validated = {name: judged if name == "disentangle" else None for name in objectives}
together = {
    name: trained(cluster.scope(devices), objective, validated[name])
    for name, objective in objectives.items()
}
if worker == 0:
    found = {}
    for name, (several, values, logs) in together.items():
        alone = tf.distribute.get_strategy().scope()
        one, expected, expected_logs = trained(alone, objectives[name], validated[name])
        assert (one, several) == (1, 2) and set(logs) == set(expected_logs)
        found[name] = {
            "variables": max(np.abs(a - b).max() for (_, a), (_, b) in zip(values, expected, strict=True)),
            "bank": max((np.abs(a).max() for path, a in values if "/rows" in path), default=0.0),
            "logs": max(np.abs(logs[log] - expected_logs[log]).max() for log in logs),
        }
    print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def differences():
    addresses = ",".join(free_addresses())
    commands = [[sys.executable, "-c", SCRIPT, addresses, str(worker)] for worker in range(2)]
    first, second = run_together(commands, limit_s=1700)
    assert (first.status, second.status) == (0, 0), first.text[-2000:] + second.text[-2000:]
    # TensorFlow may have notes on the end of the other process.
    return json.loads(next(line for line in first.text.splitlines() if line.startswith("{")))


@pytest.mark.parametrize("name", PRESETS)
def test_two_processes_are_one_device(differences, name):
    assert differences[name]["variables"] < 1e-8
    assert differences[name]["logs"] < 1e-8


def test_the_bank_was_filled(differences):
    assert differences["disentangle"]["bank"] > 0.1
