"""What each process of a cluster takes of the batches of a run: its own rows, on and on."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from keras_fer.data.pipeline import evaluation_pipeline
from keras_fer.data.prepared import PreparedDataset
from keras_fer.training.batches import TrainingBatches

# Each gets numbers of the parts that the devices of this process take, and the number of all parts.
_Delivered = Callable[[range, int], tf.data.Dataset]


def own_training_batches(
    strategy: tf.distribute.Strategy, batches: TrainingBatches, batch_size: int, **options
) -> tf.distribute.DistributedDataset:
    """Returns the training batches of all processes, each of which reads them whole, for its own rows.

    Args:
        strategy: over the processes.
        batches: of the run.
        batch_size: of all processes together, a multiple of the number of all devices.
        **options: of `train_pipeline`, but for `num_steps`.

    Returns:
        Endless batches `(images, y)` as `train_pipeline` delivers them, of `batch_size / n` rows for each
        of n devices: images uint8, or augmented in the process, `(batch_size / n, height, width, 3)`.
    """

    def delivered(parts: range, num_parts: int) -> tf.data.Dataset:
        size = batch_size // num_parts
        dataset = batches.pipeline(rows=(parts.start * size, parts.stop * size), **options)
        return dataset if len(parts) == 1 else dataset.rebatch(size, drop_remainder=True)

    return _distributed(strategy, delivered)


def own_evaluation_batches(
    strategy: tf.distribute.Strategy,
    dataset: PreparedDataset,
    indices: np.ndarray,
    batch_size: int,
    image_size: int,
    targets: Mapping[str, np.ndarray] | None,
) -> tuple[tf.distribute.DistributedDataset, int]:
    """Returns the evaluation batches of all processes, over and over, and their number in one pass.

    Args:
        strategy: over the processes.
        dataset, indices, batch_size, image_size, targets: as for `evaluation_pipeline`.

    Returns:
        Batches `(images, y)` as `evaluation_pipeline` delivers them, each divided among the n devices as
        evenly as can be: images uint8 `(b, image_size, image_size, 3)` with b from 0 to `batch_size / n`,
        rounded up; and the number of batches in which each of `indices` comes once.
    """

    def delivered(parts: range, num_parts: int) -> tf.data.Dataset:
        return evaluation_pipeline(
            dataset, indices, batch_size, image_size, targets, parts, num_parts
        ).repeat()

    return _distributed(strategy, delivered), -(-len(indices) // batch_size)


def _distributed(strategy: tf.distribute.Strategy, delivered: _Delivered) -> tf.distribute.DistributedDataset:
    """Endless data, so that processes need not tell one another before each step that they have more."""

    def of_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = context.num_replicas_in_sync // context.num_input_pipelines
        first = context.input_pipeline_id * local
        return delivered(range(first, first + local), context.num_replicas_in_sync)

    return strategy.distribute_datasets_from_function(of_process)
