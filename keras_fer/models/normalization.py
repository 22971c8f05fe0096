"""From pictures in [0, 255] to what the first convolution sees, as layers inside the graph."""

import keras
from keras import ops

from keras_fer.data.luma import LUMA


@keras.saving.register_keras_serializable("keras_fer")
class StandardizedGray(keras.layers.Layer):
    """Gray picture with zero mean and unit standard deviation per image.

    Lighting and skin colour otherwise dominate the early gradients: on the synthetic faces this
    layer is worth more than any change of the network.

    Args:
        smallest_std: gray levels; the standard deviation is never taken to be smaller, so that a
            flat picture is not blown up to noise.

    Input shape: `(batch, height, width, 3)`, RGB in [0, 255].
    Output shape: `(batch, height, width, 1)`.
    """

    def __init__(self, smallest_std: float = 2.0, **kwargs):
        # float16 cannot hold the sum of squared gray levels; floatx stays float32 under mixed policies.
        kwargs["dtype"] = keras.config.floatx()
        super().__init__(**kwargs)
        self.smallest_std = smallest_std

    def call(self, images):
        """Standardises each image."""
        gray = luma(images)
        centred = gray - ops.mean(gray, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(centred), axis=(1, 2), keepdims=True)
        return centred * ops.rsqrt(ops.maximum(variance, self.smallest_std**2))

    def compute_output_shape(self, input_shape):
        """Returns the shape with one channel."""
        return (*input_shape[:-1], 1)

    def get_config(self):
        """Returns what `from_config` needs."""
        config = super().get_config()
        del config["dtype"]
        return {**config, "smallest_std": self.smallest_std}


def luma(images):
    """Returns the gray picture, `(batch, height, width, 1)`, of RGB pictures in the same range."""
    # A matrix product takes half the time of multiply and sum, here and on the device.
    return ops.matmul(images, ops.reshape(ops.convert_to_tensor(LUMA, dtype=images.dtype), (3, 1)))


def normalization(kind: str):
    """Returns the layer that normalises pictures in [0, 255].

    Args:
        kind: `"standardized_gray"`, or `"rgb"` for colour in [−1, 1].

    Raises:
        ValueError: if `kind` is neither.
    """
    if kind == "standardized_gray":
        return StandardizedGray(name="standardized_gray")
    if kind == "rgb":
        return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rgb")
    raise ValueError(f"`kind` must be 'standardized_gray' or 'rgb'. Received: kind={kind!r}")
