"""The parts that a factor has of its own: a branch on the face features and a head on the branch."""

import keras
from keras import layers

from keras_fer.models.backbones import BATCH_NORMALIZATION_MOMENTUM
from keras_fer.models.branches import pooled_features
from keras_fer.models.factors import Factor


def factor_branch(
    features_shape: tuple[int, int, int],
    factor: Factor,
    *,
    is_shaped: bool,
    pooling: str = "flatten",
    dropout: float = 0.0,
) -> keras.Model:
    """Face features to the representation of a factor, `(batch, factor.width)`, after a ReLU.

    Args:
        features_shape: rows, columns and channels of the face features.
        factor: gives name and width.
        is_shaped: whether critics look for other factors in it, or it is decorrelated. The normalisation
            before the ReLU then has neither scale nor offset: shrinking cannot fool a critic.
        pooling: `"flatten"` keeps the positions, `"average"` does not; see `branches.expression_branch`.
        dropout: share of pooled features that are dropped in training.
    """
    features = keras.Input(features_shape, name="face_features")
    pooled = pooled_features(features, pooling, reduced_channels=48)
    if dropout:
        pooled = layers.Dropout(dropout, name="dropout")(pooled)
    hidden = layers.Dense(factor.width, use_bias=False, kernel_initializer="he_normal", name="projection")(
        pooled
    )
    hidden = layers.BatchNormalization(
        momentum=BATCH_NORMALIZATION_MOMENTUM,
        center=not is_shaped,
        scale=not is_shaped,
        name="normalization",
    )(hidden)
    return keras.Model(features, layers.ReLU(name="relu")(hidden), name=f"{factor.name}_branch")


def factor_head(factor: Factor) -> keras.Model:
    """Representation of a factor to logits, or to standardised values, `(batch, factor.size)`; linear."""
    representation = keras.Input((factor.width,), name="representation")
    predictions = layers.Dense(factor.size, dtype=keras.config.floatx(), name="predictions")(representation)
    return keras.Model(representation, predictions, name=f"{factor.name}_head")


def in_units(factor: Factor, predictions):
    """Standardised values in the units of the data; logits as they are."""
    if factor.mean is None and factor.scale is None:
        return predictions
    layer = keras.layers.Rescaling(
        factor.scale or 1.0, factor.mean or 0.0, dtype=keras.config.floatx(), name=f"{factor.name}_units"
    )
    return layer(predictions)
