"""The part of a stored image that a model sees, in TensorFlow operations."""

import tensorflow as tf


def crop_offset(height: int, width: int, crop_size: int) -> tuple[int, int]:
    """Returns top and left of the centre square; the odd pixel of a margin goes to the bottom and right."""
    return (height - crop_size) // 2, (width - crop_size) // 2


def centre_view(images: tf.Tensor, crop_size: int, image_size: int) -> tf.Tensor:
    """Cuts the centre square and resizes it, antialiased bilinear, as the runtime does.

    Args:
        images: uint8 or float32 `(batch, height, width, channels)`, values in [0, 255], with static
            height, width and channels.
        crop_size: side of the square in stored pixels.
        image_size: side of the result. Equal to `crop_size`, the pixels are passed on as they are.

    Returns:
        float32 `(batch, image_size, image_size, channels)`, in [0, 255]; whole numbers for uint8 images.
    """
    top, left = crop_offset(images.shape[1], images.shape[2], crop_size)
    square = images[:, top : top + crop_size, left : left + crop_size]
    if crop_size == image_size:
        return tf.cast(square, tf.float32)
    resized = tf.image.resize(square, (image_size, image_size), "bilinear", antialias=True)
    # Halves go up, as in the runtime; `tf.round` sends them to the even number.
    return tf.clip_by_value(tf.floor(resized + 0.5), 0.0, 255.0)
