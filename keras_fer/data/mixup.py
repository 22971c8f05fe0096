"""Mixed images with mixed labels (mixup, arXiv 1710.09412)."""

import tensorflow as tf

# Tells the draws from those of the augmentation, which has the same seed.
_SALT = 7


def mixup(
    images: tf.Tensor, targets: dict[str, tf.Tensor], alpha: float, num_classes: int, seed: tf.Tensor
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Returns each image blended with that of the mirrored place in the batch, and so its targets.

    Row i becomes λ · row i + (1 − λ) · row B − 1 − i, with λ from Beta(α, α), drawn for each row. Rows of a
    batch lie in random order, so the partner is a random one. What is absent in either row (NaN) is
    absent in the mixture.

    Args:
        images: uint8 `(B, height, width, 3)`.
        targets: `expression`, int `(B,)` in [0, num_classes) or float32 `(B, num_classes)`, and maybe
            `valence_arousal`, float32 `(B, 2)`.
        alpha: α, above 0; 0.2 leaves most images nearly as they are, 1 draws every share alike.
        num_classes: of the expression.
        seed: int32 `(2,)`, such as (seed, step); the draws are a function of it.

    Returns:
        Images, uint8 as they were, rounded; and targets, all float32, `expression` as `(B, num_classes)`.
    """
    expression = targets["expression"]
    if expression.dtype.is_integer:
        expression = tf.one_hot(expression, num_classes)
    seed = tf.random.experimental.stateless_fold_in(seed, _SALT)
    gamma = tf.random.stateless_gamma((2, tf.shape(images)[0]), seed, alpha)
    # Both may be 0 in single precision where α is tiny.
    share = tf.math.divide_no_nan(gamma[0], gamma[0] + gamma[1])
    blended = _blend(tf.cast(images, tf.float32), share)
    mixed = {name: _blend(values, share) for name, values in {**targets, "expression": expression}.items()}
    return tf.cast(tf.round(blended), tf.uint8), mixed


def _blend(values: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    share = tf.reshape(share, (-1, *[1] * (len(values.shape) - 1)))
    # Gathered, since a slice with a negative step takes several times as long.
    mirrored = tf.gather(values, tf.range(tf.shape(values)[0] - 1, -1, -1))
    return share * values + (1.0 - share) * mirrored
