"""Two replicas do the step of one device, also where they see different numbers of labels.

Without gradient clipping: Keras clips on each replica, before the gradients are added up.
"""

import subprocess
import sys

SCRIPT = """
import sys
import keras, numpy as np, tensorflow as tf
from keras_fer.models.factor_building import factor_model
from keras_fer.models.factors import Factor
from keras_fer.models.objective import Objective
from keras_fer.models.replicas import synchronize_normalization

keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
generator = np.random.default_rng(0)
images = generator.integers(0, 256, (16, 16, 16, 3)).astype(np.uint8)
targets = {
    "expression": generator.integers(0, 4, 16).astype(np.int32),
    "age": generator.normal(size=16),
}
# Of each batch of 8 the first replica sees rows 0 to 3: four labels there, one on the other, and no age.
targets["expression"][[4, 5, 6, 12, 13]] = -1
targets["age"][[0, 1, 2, 3, 7, 8]] = np.nan
weights = generator.uniform(0.5, 1.5, 16)
dataset = tf.data.Dataset.from_tensor_slices((images, targets, weights)).batch(8, drop_remainder=True)
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
        factors = [Factor("expression", "categorical", 4, width=6), Factor("age", "continuous", 1, width=5)]
        objective = Objective(
            adversarial_weight=0.5, bank_size=20, bank_draws=16, bank_content="face_features",
            decorrelation_weight=0.5, reconstruction_weight=1, reconstruction_noise=0.1,
        )
        trunk = keras.Model(picture, features)
        model = factor_model(
            trunk, factors, objective=objective, decorrelated="all", residual_size=5, decoder_width=1
        )
        if strategy.num_replicas_in_sync > 1:
            synchronize_normalization(model)
        critic_optimizer = keras.optimizers.SGD(0.01)
        model.compile(keras.optimizers.Adam(0.01), critic_optimizer=critic_optimizer, seed=0)
    history = model.fit(dataset, epochs=2, shuffle=False, verbose=0).history
    return [variable.numpy() for variable in model.trainable_variables], history


one, log_of_one = trained(tf.distribute.get_strategy())
two, log_of_two = trained(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
largest = max(np.abs(first - second).max() for first, second in zip(one, two))
logs = {name: max(abs(a - b) for a, b in zip(log_of_one[name], log_of_two[name])) for name in log_of_one}
print(f"weights {largest} logs {logs}")
sys.exit(int(largest > 1e-8 or max(logs.values()) > 1e-8))
"""


def test_two_replicas_are_one_device():
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=280)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
