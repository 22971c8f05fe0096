"""Labels as numbers, turned into rows of probabilities."""

import keras
import tensorflow as tf
from keras import ops


def one_hot(labels, num_classes: int):
    """Returns one row per label: 1 at its place, or all zeros where there is none.

    Args:
        labels: `(batch,)` or `(batch, 1)`, whole numbers of any dtype; a negative one or NaN stands for none.
        num_classes: K; labels lie below it. A larger one stops the step on CPU and GPU; compiled by XLA,
            which knows no assertions, it counts as none.

    Returns:
        `(batch, K)` of Keras' float type.
    """
    labels = ops.reshape(labels, (-1,))
    if keras.backend.is_float_dtype(labels.dtype):
        # What NaN becomes as an integer differs from machine to machine.
        labels = ops.where(ops.isnan(labels), ops.cast(-1, labels.dtype), labels)
    labels = ops.cast(labels, "int32")
    check = tf.debugging.assert_less(
        labels,
        num_classes,
        message=f"Labels are 0 to {num_classes - 1}, or -1 for none: this model has {num_classes} classes.",
    )
    # In eager mode the check has happened and is None.
    with tf.control_dependencies([] if check is None else [check]):
        return ops.one_hot(labels, num_classes, dtype=keras.config.floatx())
