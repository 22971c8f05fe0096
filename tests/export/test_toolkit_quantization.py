"""In a process of its own, since the toolkit changes the Keras of TensorFlow."""

import os
import subprocess
import sys

# Features span 0.2 and logits 1,500: the first ranges of ±6 would round the ones and cut the others.
RANGES = """
import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras

import keras
from keras_fer.export.tf_keras_model import tf_keras_model
from keras_fer.export.toolkit_quantization import quantised_model, set_ranges

keras.utils.set_random_seed(0)
images = keras.Input((8, 8, 3), name="images")
features = keras.layers.Rescaling(1 / 255)(images)
small, large = (keras.initializers.RandomNormal(stddev=width) for width in (0.01, 3e4))
features = keras.layers.Conv2D(6, 3, kernel_initializer=small)(features)
features = keras.layers.Activation("hard_silu")(features)
features = keras.layers.GlobalAveragePooling2D()(features)
logits = keras.layers.Dense(4, kernel_initializer=large)(features)
model = tf_keras_model(keras.Model(images, logits))
pictures = np.random.default_rng(0).integers(0, 256, (96, 8, 8, 3)).astype(np.uint8)
expected = model(pictures.astype(np.float32)).numpy()
assert np.abs(expected).max() > 50, np.abs(expected).max()

quantizer = tfmot.quantization.keras.quantizers.MovingAverageQuantizer
former = quantizer.__call__
student = quantised_model(model)
set_ranges(student, pictures)
assert quantizer.__call__ is former

# Ranges of weights are taken in a step; a learning rate of 0 changes nothing else.
student.compile(tf_keras.optimizers.SGD(0.0), "mse")
student.train_on_batch(pictures.astype(np.float32), expected)
found = student(pictures.astype(np.float32), training=False).numpy()
error = np.abs(found - expected).max() / np.ptp(expected)
print(error)
assert error < 0.1, error
"""


def test_ranges_hold_what_is_very_small_and_very_large():
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        [sys.executable, "-c", RANGES], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
