"""The steps of `fit` and `evaluate` where each replica may live in a process of its own.

Under `tf.distribute.MultiWorkerMirroredStrategy` those of Keras 3.15 fail, in two places
(https://github.com/keras-team/keras/issues/20585): to build what is not built it takes the mean over all
processes of the first batch, a structure that cannot be reduced there; and after each step the mean of each
number in the logs over axis 0, which a number does not have. Loop, callbacks and all else of Keras stay.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf


def over_processes(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether replicas may live in several processes."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def process_step(
    strategy: tf.distribute.Strategy, step: Callable[[Any], Mapping[str, Any]], run_eagerly: bool
) -> Callable[[Any], dict[str, tf.Tensor]]:
    """Returns what Keras calls for each batch: from an iterator of the strategy to the logs.

    The logs are means over all replicas, so that every process sees the same: a callback that stops training
    stops it everywhere, and no process is left waiting for another.

    Args:
        strategy: that the model was made in.
        step: `train_step` or `test_step` of the model.
        run_eagerly: whether the step is run without being compiled to a graph.
    """

    def replica_step(data) -> dict[str, tf.Tensor]:
        # What an iterator delivers lies on no device that TensorFlow knows, and could not be sent as it is.
        logs = step(tf.nest.map_structure(tf.identity, data))
        numbers = tf.stack([tf.cast(value, keras.config.floatx()) for value in logs.values()])
        context = tf.distribute.get_replica_context()
        means = context.all_reduce(tf.distribute.ReduceOp.MEAN, numbers)  # One message for all of them.
        return dict(zip(logs, tf.unstack(means), strict=True))

    def one_step(iterator) -> dict[str, tf.Tensor]:
        logs = strategy.run(replica_step, args=(next(iterator),))
        return {name: strategy.experimental_local_results(values)[0] for name, values in logs.items()}

    return one_step if run_eagerly else tf.function(one_step, reduce_retracing=True)


def local_batch(strategy: tf.distribute.Strategy, epoch_iterator) -> Any:
    """Returns the first batch as the first replica of this process sees it.

    Args:
        strategy: that the model was made in.
        epoch_iterator: of Keras; it starts anew afterwards.
    """
    _, _, batches = next(iter(epoch_iterator))
    return tf.nest.map_structure(lambda values: strategy.experimental_local_results(values)[0], next(batches))
