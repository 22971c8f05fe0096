import json

import keras
import numpy as np

from keras_fer.models.optimizers import optimizers_config, optimizers_from_config


def decayed(optimizer):
    """Returns which of two weights an optimiser decays when every gradient is zero."""
    variables = [keras.Variable(np.ones(2, np.float32), name=name) for name in ("kernel", "bias")]
    optimizer.apply([np.zeros(2, np.float32)] * 2, variables)
    return [bool((variable.numpy() != 1).any()) for variable in variables]


def test_round_trip_keeps_rates_and_what_is_not_decayed():
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma"])
    config = json.loads(json.dumps(optimizers_config(optimizer, keras.optimizers.Adam(2e-3, beta_1=0.5))))
    again = optimizers_from_config(config)
    assert set(again) == {"optimizer", "critic_optimizer"}
    assert again["critic_optimizer"].beta_1 == 0.5
    assert decayed(again["optimizer"]) == decayed(optimizer) == [True, False]


def test_without_critics_and_under_loss_scaling():
    inner = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    inner.exclude_from_weight_decay(var_names=["bias"])
    again = optimizers_from_config(optimizers_config(keras.optimizers.LossScaleOptimizer(inner), None))
    assert set(again) == {"optimizer"}
    assert decayed(again["optimizer"].inner_optimizer) == [True, False]
    plain = optimizers_from_config(optimizers_config(keras.optimizers.AdamW(0.01, weight_decay=0.5), None))
    assert decayed(plain["optimizer"]) == [True, True]
