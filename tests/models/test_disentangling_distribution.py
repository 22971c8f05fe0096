"""Two replicas on two virtual CPUs do the step of one device.

Without gradient clipping: Keras clips on each replica, before the gradients are added up.
"""

import subprocess
import sys

SCRIPT = """
import sys
import keras, numpy as np, tensorflow as tf
from keras_fer.models.building import disentangling_model
from keras_fer.models.objective import Objective

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
generator = np.random.default_rng(0)
images = generator.integers(0, 256, (16, 16, 16, 3)).astype(np.uint8)
labels = generator.integers(0, 4, 16).astype(np.int32)
weights = generator.uniform(0.5, 1.5, 16).astype(np.float32)
dataset = tf.data.Dataset.from_tensor_slices((images, labels, weights)).batch(8, drop_remainder=True)
options = tf.data.Options()
options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
dataset = dataset.with_options(options)


def trained(strategy):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        picture = keras.Input((16, 16, 3))
        features = keras.layers.Conv2D(4, 3, strides=4, activation="tanh")(
            keras.layers.Rescaling(1 / 127.5, -1.0)(picture)
        )
        trunk = keras.Model(picture, features)
        objective = Objective(adversarial_weight=0.5)
        model = disentangling_model(
            trunk, 4, objective=objective, representation_size=6, non_expression_size=5
        )
        for layer in model._flatten_layers():
            # Statistics of a batch are those of each replica: left out of the comparison.
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        model.compile(
            optimizer=keras.optimizers.Adam(0.01),
            critic_optimizer=keras.optimizers.SGD(0.1),
        )
    history = model.fit(dataset, epochs=2, shuffle=False, verbose=0).history
    return [variable.numpy() for variable in model.trainable_variables], history


one, log_of_one = trained(tf.distribute.get_strategy())
two, log_of_two = trained(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
largest = max(np.abs(first - second).max() for first, second in zip(one, two))
names = ("loss", "expression_loss", "adversarial_loss", "critic_loss")
logs = max(abs(a - b) for name in names for a, b in zip(log_of_one[name], log_of_two[name]))
print(f"weights {largest} logs {logs}")
sys.exit(int(largest > 1e-5 or logs > 1e-4))
"""


def test_two_replicas_are_one_device():
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
