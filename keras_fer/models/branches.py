"""The parts that stand on the trunk: two branches, the decoder and the heads."""

import math

import keras
from keras import layers

from keras_fer.models.backbones import BATCH_NORMALIZATION_MOMENTUM


def expression_branch(
    features_shape: tuple[int, int, int], size: int, pooling: str = "average", dropout: float = 0.0
) -> keras.Model:
    """Face features to the expression representation.

    Args:
        features_shape: rows, columns and channels of the face features.
        size: width of the expression representation.
        pooling: `"average"` over the positions, or `"flatten"`, which keeps them (better on small
            crops that are well aligned, as the synthetic faces are).
        dropout: share of pooled features that are dropped in training.

    Returns:
        A functional model to `(batch, size)`, after a ReLU.
    """
    features = keras.Input(features_shape, name="face_features")
    pooled = pooled_features(features, pooling, reduced_channels=48)
    if dropout:
        pooled = layers.Dropout(dropout, name="dropout")(pooled)
    hidden = layers.Dense(size, use_bias=False, kernel_initializer="he_normal", name="projection")(pooled)
    hidden = layers.BatchNormalization(momentum=BATCH_NORMALIZATION_MOMENTUM, name="normalization")(hidden)
    return keras.Model(features, layers.ReLU(name="relu")(hidden), name="expression_branch")


def non_expression_branch(
    features_shape: tuple[int, int, int], size: int, hidden_size: int = 512
) -> keras.Model:
    """Face features to the non-expression representation.

    The last layer normalises each dimension without scale or offset, so that shrinking the
    representation cannot fool a critic.

    Args:
        features_shape: rows, columns and channels of the face features.
        size: width of the non-expression representation.
        hidden_size: width of the layer before it. To tell pose from expression where both move the same
            features takes more units than the representation has.

    Returns:
        A functional model to `(batch, size)`.
    """
    features = keras.Input(features_shape, name="face_features")
    hidden = pooled_features(features, "flatten", reduced_channels=32)
    hidden = layers.Dense(hidden_size, kernel_initializer="he_normal", name="hidden")(hidden)
    hidden = layers.LeakyReLU(0.1, name="hidden_relu")(hidden)
    hidden = layers.Dense(size, use_bias=False, name="projection")(hidden)
    representation = layers.BatchNormalization(
        momentum=BATCH_NORMALIZATION_MOMENTUM, center=False, scale=False, name="normalization"
    )(hidden)
    return keras.Model(features, representation, name="non_expression_branch")


def pooled_features(features, pooling: str, reduced_channels: int):
    """Returns a vector per image: the mean over positions, or all positions with fewer channels."""
    if pooling == "average":
        return layers.GlobalAveragePooling2D(name="pooling")(features)
    if pooling != "flatten":
        raise ValueError(f"`pooling` must be 'average' or 'flatten'. Received: pooling={pooling!r}")
    reduced = layers.Conv2D(reduced_channels, 1, use_bias=False, name="reduction")(features)
    reduced = layers.BatchNormalization(
        momentum=BATCH_NORMALIZATION_MOMENTUM, name="reduction_normalization"
    )(reduced)
    return layers.Flatten(name="flatten")(layers.ReLU(name="reduction_relu")(reduced))


def decoder(
    expression_size: int, non_expression_size: int, output_size: int, channels: int, width: int = 16
) -> keras.Model:
    """Both representations to a picture: nearest upsampling and 3×3 convolutions.

    Args:
        expression_size: width of the expression representation.
        non_expression_size: width of the non-expression representation.
        output_size: height and width of the picture, a multiple of 8.
        channels: 1 for gray, 3 for RGB.
        width: channels of the last hidden layer; doubled at each halving of the size.

    Returns:
        A functional model of `[expression, non-expression]` to `(batch, output_size, output_size,
        channels)`; pictures in [−1, 1] are the target, the last layer is linear.
    """
    if output_size % 8:
        raise ValueError(f"`output_size` must be a multiple of 8. Received: output_size={output_size}")
    representations = [
        keras.Input((expression_size,), name="expression_representation"),
        keras.Input((non_expression_size,), name="non_expression_representation"),
    ]
    start = output_size // 8
    hidden = layers.Concatenate(name="representations")(representations)
    hidden = layers.Dense(start * start * 4 * width, kernel_initializer="he_normal", name="seed")(hidden)
    hidden = layers.Reshape((start, start, 4 * width), name="seed_picture")(layers.ReLU()(hidden))
    for step in (2, 1, 0):
        filters = width * 2**step
        hidden = layers.Conv2D(
            filters, 3, padding="same", kernel_initializer="he_normal", name=f"convolution_{step}"
        )(hidden)
        hidden = layers.ReLU(name=f"relu_{step}")(hidden)
        hidden = layers.UpSampling2D(2, interpolation="nearest", name=f"upsampling_{step}")(hidden)
    picture = layers.Conv2D(channels, 3, padding="same", dtype=keras.config.floatx(), name="picture")(hidden)
    return keras.Model(representations, picture, name="decoder")


def expression_head(representation_size: int, num_expressions: int) -> keras.Model:
    """Expression representation to logits, linear."""
    representation = keras.Input((representation_size,), name="expression_representation")
    logits = layers.Dense(num_expressions, dtype=keras.config.floatx(), name="logits")(representation)
    return keras.Model(representation, logits, name="expression_head")


def valence_arousal_head(representation_size: int) -> keras.Model:
    """Expression representation to valence and arousal in [−1, 1]."""
    representation = keras.Input((representation_size,), name="expression_representation")
    values = layers.Dense(2, activation="tanh", dtype=keras.config.floatx(), name="valence_arousal")(
        representation
    )
    return keras.Model(representation, values, name="valence_arousal_head")


def reconstruction_size(image_size: int) -> int:
    """Returns the size at which pictures are reconstructed: theirs, at most 64, a multiple of 8."""
    return min(64, 8 * math.ceil(image_size / 8))
