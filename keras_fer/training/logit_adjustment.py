"""Favours rare classes by moving the biases of the last layer (logit adjustment).

With π the class shares that a model expects, argmax of (logit_k − τ log π_k) answers rare classes more often:
τ = 0 aims at accuracy, τ = 1 at balanced accuracy.

Reference:
    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, arXiv 2007.07314.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_fer.errors import FERError
from keras_fer.models.factors import EXPRESSION

# In the config of a run: the biases that training left. It stays there, so that a run that was killed while
# it was calibrated has them too.
TRAINED_BIAS = "trained_expression_bias"

# A class that a model never expects still has a logarithm.
_SMALLEST_SHARE = 1e-4


def expression_bias(model: Any) -> Any:
    """Returns the bias of the layer that gives the logits of the expression, a Keras variable `(K,)`.

    Args:
        model: a `DisentanglingModel` or a `FactorModel`.
    """
    head = model.heads[EXPRESSION] if hasattr(model, "heads") else model.expression_head
    return head.layers[-1].bias


def adjust_logits(model: Any, probabilities: np.ndarray, strength: float) -> None:
    """Moves the biases of a model in place.

    Args:
        model: whose expression logits change.
        probabilities: `(n, K)`, its answers at temperature 1 on images that training did not see; their mean
            is taken for π, since it is what the model expects however its classes were drawn and blended.
        strength: τ, from 0, which changes nothing, to 1.
    """
    shares = np.maximum(probabilities.mean(axis=0), _SMALLEST_SHARE)
    bias = expression_bias(model)
    bias.assign(bias.numpy() - strength * np.log(shares))


def take_back_adjustment(model: Any, config: Mapping[str, Any]) -> None:
    """Gives a model of a run the biases that training left, to the bit.

    Args:
        model: the best model of the run.
        config: of the run; without an entry there is nothing to take back.

    Raises:
        FERError: if the entry is no bias for each class.
    """
    if TRAINED_BIAS not in config:
        return
    bias = expression_bias(model)
    try:
        trained = np.asarray(config[TRAINED_BIAS], np.float32)
    except (TypeError, ValueError):
        trained = np.full(bias.shape, np.nan)
    if trained.shape != tuple(bias.shape) or not np.isfinite(trained).all():
        raise FERError(
            f"`{TRAINED_BIAS}` in the config of the run must be the biases of its {bias.shape[0]} classes, "
            f"as `keras-fer calibrate` wrote them. Received: {config[TRAINED_BIAS]!r}"
        )
    bias.assign(trained)
