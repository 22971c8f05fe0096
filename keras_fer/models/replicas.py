"""What the replicas of a `tf.distribute` strategy know of one another inside a step.

Each sees its share of the rows of a batch, in their order. Without a strategy there is one replica, and the
functions return what they are given.
"""

import keras
import tensorflow as tf


def num_replicas() -> int:
    """By which Keras has divided a loss; 1 without a distribution strategy."""
    return tf.distribute.get_replica_context().num_replicas_in_sync


def gathered(values):
    """Returns the rows of every replica, in the order of the whole batch.

    A term over these rows is the same on each replica; divided by their number, as Keras divides a loss, its
    gradients add up to that of one device.

    Args:
        values: `(rows, ...)`, of this replica.
    """
    if num_replicas() == 1:
        return values
    everywhere = tf.distribute.get_replica_context().all_gather(values, axis=0)
    return tf.ensure_shape(everywhere, (None, *values.shape[1:]))


def own_rows(everywhere, own):
    """Returns the rows of `everywhere` that stand where `own` stands in `gathered(own)`."""
    if num_replicas() == 1:
        return everywhere
    context, count = tf.distribute.get_replica_context(), tf.shape(own)[0]
    # Replicas may have different numbers of rows: the last batch of an evaluation is what is left.
    counts = context.all_gather(tf.reshape(count, (1,)), axis=0)
    start = tf.reduce_sum(counts[: context.replica_id_in_sync_group])
    return everywhere[start : start + count]


def own_share(values):
    """Returns every n-th of the values, which all replicas have alike, so that n replicas share them."""
    if num_replicas() == 1:
        return values
    return values[tf.distribute.get_replica_context().replica_id_in_sync_group :: num_replicas()]


def synchronize_normalization(model: keras.Model) -> None:
    """Lets batch normalisation take the statistics of the whole batch, not those of a replica's rows.

    Without it the rows of a batch are normalised apart, and several devices train another model than one.

    Args:
        model: with all its layers, before it is trained.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            synchronize_normalization(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
