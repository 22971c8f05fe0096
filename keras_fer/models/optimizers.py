"""Both optimisers of a model as plain JSON types, and back."""

from collections.abc import Mapping
from typing import Any

import keras


def optimizers_config(optimizer, critic_optimizer) -> dict[str, Any]:
    """Returns what `optimizers_from_config` needs.

    Args:
        optimizer: of the encoder; maybe a `LossScaleOptimizer`.
        critic_optimizer: of the critics, or None.
    """
    serialize = keras.saving.serialize_keras_object
    # What `exclude_from_weight_decay` was told is not in the config of a Keras optimiser.
    undecayed = getattr(_inner(optimizer), "_exclude_from_weight_decay_pattern", None)
    return {
        "optimizer": serialize(optimizer),
        "critic_optimizer": None if critic_optimizer is None else serialize(critic_optimizer),
        "undecayed": undecayed and undecayed.pattern,
    }


def optimizers_from_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the optimisers by the names under which `compile` takes them; an absent one is left out."""
    config = dict(config)
    undecayed = config.pop("undecayed", None)
    optimizers = {
        name: keras.saving.deserialize_keras_object(value)
        for name, value in config.items()
        if value is not None
    }
    if undecayed:
        _inner(optimizers["optimizer"]).exclude_from_weight_decay(var_names=[undecayed])
    return optimizers


def _inner(optimizer):
    return getattr(optimizer, "inner_optimizer", optimizer)
