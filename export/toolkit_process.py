"""A process of its own in which the model optimisation toolkit trains and converts a model.

The toolkit (tfmot 0.8) takes models of tf_keras only, and `TF_USE_LEGACY_KERAS`, which it needs, changes the
Keras of TensorFlow for the whole process. So this module is run by `python -m`, on a folder with
`classifier.keras`, `images.npy` and `settings.json`, and leaves `model.tflite` there. Each line that it
writes to stdout is JSON, `[event, {...}]`: see `keras_fer.export.toolkit.show_progress`.
"""

import json
import math
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from keras_fer.export.watched_process import end_with_parent

CLASSIFIER_FILE = "classifier.keras"
IMAGES_FILE = "images.npy"
SETTINGS_FILE = "settings.json"
RESULT_FILE = "model.tflite"

_STEP_SECONDS = 0.5
_NUM_CLUSTERS = 16
_SPARSITY = 0.5


def main(folder: Path, progress: TextIO) -> None:
    """Trains and converts what is in `folder`, and writes lines to `progress` as it gets on."""
    import keras
    import tensorflow as tf
    import tf_keras

    import keras_fer.models.normalization  # noqa: F401 - registers the layer
    from keras_fer.export.tf_keras_model import tf_keras_model

    settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    tf_keras.utils.set_random_seed(settings["seed"])
    model = tf_keras_model(keras.saving.load_model(folder / CLASSIFIER_FILE, safe_mode=True))
    images = np.load(folder / IMAGES_FILE, allow_pickle=False)
    batches = _batches(model, images, settings)
    steps = len(batches) * settings["epochs"]
    prepare = {"qat_wi8_ai8": _quantised, "pruned": _pruned, "clustered": _clustered}[settings["recipe"]]
    student, callbacks, finish = prepare(model, images, steps)
    student.compile(
        tf_keras.optimizers.Adam(tf_keras.optimizers.schedules.CosineDecay(settings["learning_rate"], steps)),
        loss=tf_keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    callbacks = [*callbacks, _reporter(progress)]
    student.fit(batches, epochs=settings["epochs"], callbacks=callbacks, verbose=0)
    converter = tf.lite.TFLiteConverter.from_keras_model(_deployed(finish(student), settings))
    if settings["recipe"].startswith("qat"):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    (folder / RESULT_FILE).write_bytes(converter.convert())


def _batches(teacher: Any, images: np.ndarray, settings: dict[str, Any]) -> Any:
    """Returns batches of images, half of them mirrored, and what the model itself says of them."""
    import tensorflow as tf

    both = np.concatenate([images, images[:, :, ::-1]])
    batch_size = settings["batch_size"]
    pieces = [
        tf.nn.softmax(teacher(both[start : start + 128].astype(np.float32), training=False)).numpy()
        for start in range(0, len(both), 128)
    ]
    dataset = tf.data.Dataset.from_tensor_slices((both, np.concatenate(pieces)))
    dataset = dataset.shuffle(len(both), seed=settings["seed"]).batch(batch_size, drop_remainder=False)
    return dataset.map(lambda pixels, targets: (tf.cast(pixels, tf.float32), targets)).prefetch(2)


def _quantised(model: Any, images: np.ndarray, steps: int) -> tuple[Any, list, Any]:
    """Wraps all layers so that they compute as int8 will."""
    from keras_fer.export.toolkit_quantization import quantised_model, set_ranges

    student = quantised_model(model)
    set_ranges(student, images)
    return student, [], lambda student: student


def _wrapped(model: Any, wrap: Any) -> Any:
    """Wraps convolutions and dense layers but for the last layer, which is small and decides."""
    import tf_keras

    kinds = (tf_keras.layers.Conv2D, tf_keras.layers.Dense)

    def clone(layer: Any) -> Any:
        small = isinstance(layer, tf_keras.layers.DepthwiseConv2D) or layer is model.layers[-1]
        return wrap(layer) if isinstance(layer, kinds) and not small else layer

    return tf_keras.models.clone_model(model, clone_function=clone)


def _pruned(model: Any, images: np.ndarray, steps: int) -> tuple[Any, list, Any]:
    """Sets the smallest weights of each layer to zero, more and more of them in the first half."""
    import tensorflow_model_optimization as tfmot

    sparsity = tfmot.sparsity.keras
    schedule = sparsity.PolynomialDecay(0.0, _SPARSITY, 0, max(1, steps // 2), frequency=max(1, steps // 20))
    student = _wrapped(model, lambda layer: sparsity.prune_low_magnitude(layer, pruning_schedule=schedule))
    return student, [sparsity.UpdatePruningStep()], sparsity.strip_pruning


def _clustered(model: Any, images: np.ndarray, steps: int) -> tuple[Any, list, Any]:
    """Replaces the weights of each layer by few different ones, which are then trained."""
    import tensorflow_model_optimization as tfmot

    clustering = tfmot.clustering.keras
    start = clustering.CentroidInitialization.KMEANS_PLUS_PLUS

    def wrap(layer: Any) -> Any:
        return clustering.cluster_weights(
            layer, number_of_clusters=_NUM_CLUSTERS, cluster_centroids_init=start
        )

    return _wrapped(model, wrap), [], clustering.strip_clustering


def _deployed(student: Any, settings: dict[str, Any]) -> Any:
    """Returns the graph of the device: one image to probabilities, and the representation if asked for."""
    import tf_keras

    from keras_fer.export.deploy import INPUT_NAME, OUTPUT_NAME, REPRESENTATION_NAME

    images = tf_keras.Input(student.input_shape[1:], batch_size=1, name=INPUT_NAME)
    if settings["representation"]:
        # By the node of the output, since the layer itself may be shared with the model it was cloned from.
        (last,) = student._nodes_by_depth[0]
        student = tf_keras.Model(student.input, [student.output, last.keras_inputs[0]])
        logits, features = student(images, training=False)
    else:
        logits = student(images, training=False)
    scaled = tf_keras.layers.Rescaling(1 / settings["temperature"], name="temperature")(logits)
    outputs = tf_keras.layers.Softmax(name=OUTPUT_NAME)(scaled)
    if settings["representation"]:
        same = tf_keras.layers.Activation("linear", name=REPRESENTATION_NAME)(features)
        outputs = {OUTPUT_NAME: outputs, REPRESENTATION_NAME: same}
    return tf_keras.Model(images, outputs)


def _reporter(progress: TextIO) -> Any:
    """Returns a callback that writes what `EpochLines` wants to know, each step at most twice a second."""
    import tf_keras

    class Reporter(tf_keras.callbacks.Callback):
        written = -math.inf

        def _write(self, event: str, logs: dict[str, Any] | None, **facts: Any) -> None:
            numbers = {name: float(value) for name, value in (logs or {}).items()}
            progress.write(json.dumps([event, {**facts, "logs": numbers}]) + "\n")
            progress.flush()
            self.written = time.monotonic()

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self._write("epoch_begin", logs, epoch=epoch, **self.params)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if time.monotonic() - self.written >= _STEP_SECONDS:
                self._write("step", logs, step=batch)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self._write("epoch_end", logs, epoch=epoch)

    return Reporter()


def _start(folder: Path) -> None:
    # Nobody but the parent would remove the folder.
    end_with_parent(lambda: shutil.rmtree(folder, ignore_errors=True))
    # What the libraries print would be taken for progress.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as progress:
        os.dup2(2, 1)
        main(folder, progress)


if __name__ == "__main__":
    _start(Path(sys.argv[1]))
