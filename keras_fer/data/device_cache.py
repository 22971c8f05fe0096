"""The images that training draws in the memory of the device that trains, for sets that fit there."""

import numpy as np
import tensorflow as tf

from keras_fer.data.prepared import PreparedDataset
from keras_fer.errors import FERError

_NO_ROOM = "Dst tensor is not initialized"


class CachedImages:
    """Stored images, copied once to the device of TensorFlow's choice, the first GPU where there is one.

    Args:
        dataset: the data set.
        rows: int64 `(m,)`, the rows that will be drawn.

    Attributes:
        positions: int32 `(len(dataset),)`, the place of each row among the copies, −1 for those that are not
            copied; what `train_pipeline` delivers instead of images.

    Raises:
        FERError: if they do not fit.
    """

    def __init__(self, dataset: PreparedDataset, rows: np.ndarray):
        try:
            self._images = tf.constant(dataset.images(rows))
        except (MemoryError, tf.errors.ResourceExhaustedError, tf.errors.InternalError) as error:
            # What a GPU without room for a constant raises (https://github.com/tensorflow/tensorflow/issues/52086).
            if isinstance(error, tf.errors.InternalError) and _NO_ROOM not in str(error):
                raise
            num_bytes = len(rows) * int(np.prod(dataset.image_shape))
            raise FERError(
                f"The {len(rows)} training images, {num_bytes / 1e9:.1f} GB, do not fit into the memory of "
                "the device: leave out `cache_on_device`; the pipeline then reads them beside the training."
            ) from error
        self.positions = np.full(len(dataset), -1, np.int32)
        self.positions[rows] = np.arange(len(rows), dtype=np.int32)

    def images(self, positions: tf.Tensor) -> tf.Tensor:
        """Returns images as `train_pipeline` delivers them, uint8 `(batch, height, width, 3)`.

        Args:
            positions: int32 `(batch,)`, of what was copied.
        """
        images = tf.gather(self._images, positions)
        return tf.image.grayscale_to_rgb(images) if images.shape[-1] == 1 else images
