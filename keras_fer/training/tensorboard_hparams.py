"""The settings of a run for TensorBoard's HPARAMS tab, where several runs stand side by side."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from keras_fer.models.objective import Objective
from keras_fer.training.config import TrainingConfig

# Where a run lies says nothing of it, and the objective stands there in full.
_LEFT_OUT = ("output", "objective_changes")
_PATHS = ("dataset", "mixed_dataset", "weights")


def hparams(config: TrainingConfig, objective: Objective) -> dict[str, bool | int | float | str]:
    """Returns every setting that is a number or a word; what is not set is left out.

    Args:
        config: of the run.
        objective: as the run trains it; its fields are named `objective.…`.
    """
    values: dict[str, Any] = {key: value for key, value in config.to_dict().items() if key not in _LEFT_OUT}
    values |= {key: Path(values[key]).name for key in _PATHS if values.get(key) is not None}
    values |= {f"objective.{key}": value for key, value in objective.to_dict().items()}
    return {key: value for key, value in values.items() if isinstance(value, bool | int | float | str)}


def hparams_callback(folder: Path, values: Mapping[str, Any], name: str) -> keras.callbacks.Callback:
    """Returns the callback that says when a run began and ended, and with what.

    Args:
        folder: of the TensorBoard logs; the scores are those of its runs `train` and `validation`.
        values: see `hparams`.
        name: of the run.
    """
    from tensorboard.plugins.hparams import api

    return api.KerasCallback(str(folder), dict(values), trial_id=name)
