"""From the targets of a batch, as data sets have them, to what the terms of the factors read."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_fer.models.factors import Factor
from keras_fer.models.label_ids import one_hot


def encoded_targets(factors: Sequence[Factor], targets: Mapping[str, Any], training: bool) -> dict[str, Any]:
    """Encodes the targets of every factor.

    Args:
        factors: in any order.
        targets: by label key. Categorical: int or float `(batch,)` or `(batch, 1)`, class numbers,
            where −1 and NaN are missing; or probabilities `(batch, size)`, where a row of zeros is missing.
            Continuous: `(batch,)` or `(batch, size)` in the units of the data, NaN where unknown. And,
            optionally, `{name}_weight` `(batch,)`: factor of that row in the loss and the score of that
            factor alone. Anything else is ignored.
        training: whether every factor must be there; in evaluation a data set may lack some.

    Returns:
        By name of each factor that is there, floats `(batch, size)`: probabilities, a row of zeros for a
        missing label; or (value − mean) / scale, NaN where unknown. `{name}_weight` as given, as floats.

    Raises:
        ValueError: if targets are missing in training, or have a wrong shape.
    """
    lacking = [factor.label_key for factor in factors if factor.label_key not in targets]
    if training and lacking:
        raise ValueError(
            f"Targets lack {lacking}. A data set that does not label a factor says so row by row: with −1, "
            f"or NaN for values. Received: targets {sorted(targets)}"
        )
    known = [factor for factor in factors if factor.label_key in targets]
    encoded = {
        factor.name: _encoded(factor, ops.convert_to_tensor(targets[factor.label_key])) for factor in known
    }
    weights = [f"{factor.name}_weight" for factor in known if f"{factor.name}_weight" in targets]
    return encoded | {name: ops.cast(targets[name], keras.config.floatx()) for name in weights}


def _encoded(factor: Factor, values):
    shape, size, floatx = tuple(values.shape), factor.size, keras.config.floatx()
    is_column = len(shape) == 1 or shape[1:] == (1,)
    if shape[1:] != (size,) and not (is_column and (factor.is_categorical or size == 1)):
        raise ValueError(
            f"Targets of the {factor.kind} factor {factor.name!r} cannot be of this shape: one number per "
            f"row, or {size}. Received: shape={shape}"
        )
    if factor.is_categorical:
        return one_hot(values, size) if is_column else ops.cast(values, floatx)
    mean, scale = factor.mean or (0.0,) * size, factor.scale or (1.0,) * size
    values = ops.cast(ops.reshape(values, (-1, size)), floatx)
    return (values - ops.convert_to_tensor(mean, floatx)) / ops.convert_to_tensor(scale, floatx)
