"""Means over the rows that have a target, right also where a batch is spread over replicas."""

from typing import Any, NamedTuple

import tensorflow as tf
from keras import ops

from keras_fer.models.replicas import num_replicas


class Mask(NamedTuple):
    """Which rows of a batch have a target.

    Args:
        weights: `(batch,)`, by which a mean over the batch becomes the mean over these rows.
        count: how many have one, over all replicas; a float, 0 where none has.
    """

    weights: Any
    count: Any


def mask(present) -> Mask:
    """Returns the mask of rows, given 1 for those that have a target, else 0, `(batch,)`.

    Replicas may have different numbers of such rows. With n of them over all R replicas, and B rows on each,
    Keras makes of values v the mean Σ v / (B R), so the weights are B R / n. Where n = 0 all are 0. Any other
    weights make a weighted mean, with their sum in the place of n.
    """
    num_rows = ops.cast(ops.shape(present)[0] * num_replicas(), present.dtype)
    count = ops.sum(present)
    if num_replicas() > 1:
        count = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, count)
    return Mask(present * ops.divide_no_nan(num_rows, count), count)
